/* Maps without tiles, drawn as SVG: shapes of areas, and pins near each other. Both need a table or list beside them.

   Shapes: <div class="h-map tall desk" data-shapes="URL" data-values="ID" role="group" aria-label="…"></div> {{ values|json_script:"ID" }}
     URL answers GeoJSON or TopoJSON (topojson-client must be loaded first; data-layer names its object: county, city, province);
     data-within keeps only codes that begin with it. values: {code: {band: 0|1|2|3|"", words, name, url}}.
     Band 0 is the one to look at: it is hatched as well as coloured.
   Pins: <div class="h-map" data-pins="ID" role="img" aria-label="…"></div> {{ pins|json_script:"ID" }}
     pins: {points: [{lng, lat, kind: "here"|"other"|"soon", words, url}], tiles: "https://…/{z}/{x}/{y}.png" or "", attribution: ""}.
     With tiles and Leaflet loaded a real map is shown; without, distances from the pin called "here". */
(function () {
  'use strict';
  const NS = 'http://www.w3.org/2000/svg', LINK = 'http://www.w3.org/1999/xlink';
  function el(name, attributes, parent) {
    const made = document.createElementNS(NS, name);
    Object.keys(attributes || {}).forEach((key) => made.setAttribute(key, attributes[key]));
    if (parent) { parent.appendChild(made); }
    return made;
  }
  const json = (id) => { const found = document.getElementById(id); return found ? JSON.parse(found.textContent) : null; };
  const all = (selector) => Array.from(document.querySelectorAll(selector));

  /* Shapes ---------------------------------------------------------------------------------------------------------- */
  function features(box, data) {
    const layer = box.getAttribute('data-layer'), within = box.getAttribute('data-within') || '';
    const list = data.type !== 'Topology' ? data.features
      : window.topojson.feature(data, data.objects[layer] || data.objects[Object.keys(data.objects)[0]]).features;
    return list.filter((f) => codeOf(f).indexOf(within) === 0);
  }
  function codeOf(f) {
    const p = f.properties || {};
    return String(p.path || p.code || p.city || p.prov || f.id || '');
  }
  const rings = (g) => (g.type === 'Polygon' ? [g.coordinates] : g.type === 'MultiPolygon' ? g.coordinates : []);
  function area(ring) {
    return ring.reduce((sum, p, i) => { const q = ring[(i + 1) % ring.length]; return sum + p[0] * q[1] - q[0] * p[1]; }, 0) / 2;
  }
  function centre(ring) {
    const a = area(ring);
    if (!a) { return ring[0]; }
    const sum = ring.reduce((s, p, i) => {
      const q = ring[(i + 1) % ring.length], cross = p[0] * q[1] - q[0] * p[1];
      return [s[0] + (p[0] + q[0]) * cross, s[1] + (p[1] + q[1]) * cross];
    }, [0, 0]);
    return [sum[0] / (6 * a), sum[1] / (6 * a)];
  }
  function drawShapes(box, list, values) {
    const most = [(box.clientWidth || 800) - 12, (box.clientHeight || 430) - 12], middle = list.length ? rings(list[0].geometry)[0][0][0][1] : 36;
    const squeeze = Math.cos(middle * Math.PI / 180);  // degrees of longitude are shorter than degrees of latitude
    let west = Infinity, east = -Infinity, south = Infinity, north = -Infinity;
    list.forEach((f) => rings(f.geometry).forEach((poly) => poly[0].forEach((p) => {
      west = Math.min(west, p[0]); east = Math.max(east, p[0]); south = Math.min(south, p[1]); north = Math.max(north, p[1]);
    })));
    const scale = Math.min(most[0] / ((east - west) * squeeze), most[1] / (north - south));  // one unit is one pixel: names keep their size
    const wide = (east - west) * squeeze * scale, high = (north - south) * scale;
    const at = (p) => [(p[0] - west) * squeeze * scale, (north - p[1]) * scale];
    const svg = el('svg', { viewBox: '-6 -6 ' + (wide + 12) + ' ' + (high + 12), preserveAspectRatio: 'xMidYMid meet' });
    const hatch = el('pattern', { id: box.id + '-hatch', width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(-45)' }, el('defs', {}, svg));
    el('line', { 'class': 'hatch-line', x1: 0, y1: 0, x2: 0, y2: 7, 'stroke-width': 3 }, hatch);
    const labels = [];
    list.forEach((f) => {
      const p0 = f.properties || {}, value = values[codeOf(f)] || {}, band = value.band === undefined || value.band === null ? '' : String(value.band);
      const name = value.name || p0.name || p0.city_name || p0.prov_name || '';
      const group = el('g', { 'data-b': band }, svg);
      const link = value.url ? el('a', { href: value.url, 'aria-label': name + ' ' + (value.words || '') }, group) : group;
      if (value.url) { link.setAttributeNS(LINK, 'xlink:href', value.url); }
      const d = rings(f.geometry).map((poly) => poly.map((ring) => 'M' + ring.map((p) => at(p).map((n) => n.toFixed(1)).join(' ')).join('L') + 'Z').join('')).join('');
      const path = el('path', { 'class': 'shape', d, 'fill-rule': 'evenodd' }, link);
      el('title', {}, path).textContent = name + ' ' + (value.words || '');
      if (band === '0') { el('path', { 'class': 'hatch', d, 'fill-rule': 'evenodd', fill: 'url(#' + box.id + '-hatch)' }, link); }
      const largest = rings(f.geometry).map((poly) => poly[0]).sort((a, b) => Math.abs(area(b)) - Math.abs(area(a)))[0];
      if (largest) { labels.push([group, at(centre(largest)), name, value.words || '', Math.abs(area(largest)) * scale * scale * squeeze]); }
    });
    labels.forEach(([group, p, name, words, size]) => {
      if (size < 1400) { return; }  // the name would not fit: the table has it
      const text = el('text', { x: p[0], y: p[1], 'class': 'big' }, group);
      const first = el('tspan', { x: p[0], dy: words ? '-.15em' : '.35em' }, text);
      first.textContent = name;
      if (words) { const second = el('tspan', { x: p[0], dy: '1.3em' }, text); second.textContent = words; }
    });
    box.textContent = '';
    box.appendChild(svg);
  }
  all('[data-shapes]').forEach((box, i) => {
    box.id = box.id || 'h-shapes-' + i;
    fetch(box.getAttribute('data-shapes'), { credentials: 'same-origin' })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
      .then((data) => drawShapes(box, features(box, data), json(box.getAttribute('data-values')) || {}))
      .catch(() => { box.hidden = true; });  // the table stands alone
  });

  /* Pins ------------------------------------------------------------------------------------------------------------ */
  const PIN = 'M0 22s14-12 14-22a14 14 0 0 0-28 0c0 10 14 22 14 22z';
  function mark(kind) {
    if (kind === 'here') { const g = el('g', {}); el('path', { 'class': 'here', d: PIN, transform: 'translate(0 -22)' }, g); el('circle', { cy: -22, r: 5, fill: '#fff' }, g); return g; }
    return kind === 'soon' ? el('path', { 'class': 'soon', d: 'M0-8 8 7H-8z' }) : el('circle', { 'class': 'other', r: 7 });
  }
  function drawPins(box, data) {
    const here = data.points.find((p) => p.kind === 'here') || data.points[0];
    if (!here) { box.hidden = true; return; }
    const squeeze = Math.cos(here.lat * Math.PI / 180), metres = 111320;
    const off = data.points.map((p) => [(p.lng - here.lng) * squeeze * metres, (here.lat - p.lat) * metres]);
    const reach = Math.max(120, ...off.map((p) => Math.hypot(p[0], p[1])));
    const step = [50, 100, 200, 500, 1000, 2000, 5000].find((n) => n >= reach / 2) || 10000;
    const wide = box.clientWidth || 348, high = box.clientHeight || 190, scale = (high / 2 - 14) / Math.max(reach, step);
    const svg = el('svg', { viewBox: [-wide / 2, -high / 2, wide, high].join(' ') });
    [1, 2].forEach((n) => {
      el('circle', { r: step * n * scale, fill: 'none', stroke: 'var(--h-map-block)', 'stroke-width': 1.5, 'stroke-dasharray': '3 4' }, svg);
      const text = el('text', { x: step * n * scale * 0.707 + 4, y: step * n * scale * 0.707 }, svg);
      Object.assign(text.style, { textAnchor: 'start', fontSize: '11px' });
      text.textContent = step * n < 1000 ? step * n + ' m' : step * n / 1000 + ' km';
    });
    data.points.map((p, i) => [p, off[i]]).sort((a, b) => (a[0] === here) - (b[0] === here)).forEach(([p, o]) => {
      const parent = p.url ? el('a', { href: p.url, 'aria-label': p.words || '' }, svg) : svg;
      const g = el('g', { transform: 'translate(' + o[0] * scale + ' ' + o[1] * scale + ')' }, parent);
      g.appendChild(mark(p.kind));
      el('title', {}, g).textContent = p.words || '';
    });
    box.appendChild(svg);
  }
  function tiled(box, data) {
    const L = window.L, map = L.map(box, { scrollWheelZoom: false, zoomAnimation: false, fadeAnimation: false });
    L.tileLayer(data.tiles, { attribution: data.attribution || '', maxZoom: 18 }).addTo(map);
    data.points.forEach((p) => {
      const svg = el('svg', { viewBox: '-15 -37 30 46', width: 30, height: 46 });
      svg.appendChild(mark(p.kind));
      const icon = L.divIcon({ html: svg.outerHTML, className: '', iconSize: [30, 46], iconAnchor: [15, 37] });
      const marker = L.marker([p.lat, p.lng], { icon, title: p.words || '', alt: p.words || '' }).addTo(map);
      if (p.url) { marker.on('click', () => { location.href = p.url; }); }
    });
    map.fitBounds(L.latLngBounds(data.points.map((p) => [p.lat, p.lng])).pad(0.3), { maxZoom: 17 });
  }
  function pins() {
    all('[data-pins]').forEach((box) => {
      if (box.drawn) { return; }
      box.drawn = true;
      const data = json(box.getAttribute('data-pins'));
      if (!data || !data.points.length) { box.hidden = true; return; }
      if (data.tiles && window.L) { tiled(box, data); } else { drawPins(box, data); }
    });
  }
  pins();
  document.addEventListener('htmx:afterSettle', pins);
}());
