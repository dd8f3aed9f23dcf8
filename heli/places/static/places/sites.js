/* The map of sites, and "near me". Syntax of Chromium 88; the list beside it needs neither.
   <div id="…" data-sites="ID"> with {{ data|json_script:"ID" }}: points (address of the squares), query (filters), shapes,
   city and home (area codes), tiles and attribution, bounds [south, west, north, east], here [lat, lon] or null, words.
   The ground is drawn from the outlines of counties; with tiles they are left out. */
(function () {
  'use strict';

  /* Near me: asked only when the button is pressed; the point goes into the body of the form, never into an address. */
  const form = document.querySelector('[data-near]');
  if (form && navigator.geolocation) {
    const said = form.querySelector('[data-near-said]');
    form.hidden = false;
    form.addEventListener('submit', (event) => {
      if (form.elements.lat.value) { return; }
      event.preventDefault();
      said.textContent = form.getAttribute('data-locating');
      navigator.geolocation.getCurrentPosition((found) => {
        form.elements.lat.value = found.coords.latitude.toFixed(4);
        form.elements.lon.value = found.coords.longitude.toFixed(4);
        form.submit();
      }, () => {
        said.textContent = form.getAttribute('data-denied');
        const street = document.getElementById('area');
        if (street) { street.focus(); }
      }, { timeout: 10000, maximumAge: 60000 });
    });
  }

  const box = document.querySelector('[data-sites]'), L = window.L;
  if (!box || !L) { return; }
  const data = JSON.parse(document.getElementById(box.getAttribute('data-sites')).textContent), words = data.words;
  const legend = document.querySelector('.s-legend'), told = document.querySelector('[data-map-said]');
  box.hidden = false;
  if (legend) { legend.hidden = false; }
  const map = L.map(box, { scrollWheelZoom: false, zoomControl: false, minZoom: 5, maxZoom: 18, maxBounds: [[2, 70], [55, 140]] });
  L.control.zoom({ zoomInTitle: words.in, zoomOutTitle: words.out }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  map.attributionControl.setPrefix(false);
  if (data.here) { map.setView(data.here, 15); }
  else if (data.bounds) { map.fitBounds([[data.bounds[0], data.bounds[1]], [data.bounds[2], data.bounds[3]]], { padding: [24, 24], maxZoom: 15 }); }
  else { map.setView([37.53, 121.4], 11); }

  /* The ground --------------------------------------------------------------------------------------------------------- */
  const label = (at, name, css) => L.marker(at, { icon: L.divIcon({ className: 's-name ' + css, html: '', iconSize: null }), interactive: false, keyboard: false })
    .on('add', (event) => { event.target.getElement().textContent = name; });
  function ground(shapes) {
    const all = window.topojson.feature(shapes, shapes.objects.county).features;
    const near = all.filter((f) => String(f.properties.code).slice(0, 2) === data.city.slice(0, 2));
    L.geoJSON(near, {
      interactive: false, smoothFactor: 0.5,
      style: (f) => ({ className: 's-land' + (f.properties.code === data.home ? ' home' : ''), stroke: true, weight: f.properties.code === data.home ? 2 : 1, fillOpacity: 1 }),
    }).addTo(map);
    const names = L.layerGroup(near.filter((f) => f.properties.city === data.city).map((f) => {
      const rings = f.geometry.type === 'Polygon' ? [f.geometry.coordinates[0]] : f.geometry.coordinates.map((p) => p[0]);
      const ring = rings.sort((a, b) => b.length - a.length)[0];
      const middle = L.polygon(ring.map((p) => [p[1], p[0]])).getBounds().getCenter();
      return label(middle, f.properties.name, f.properties.code === data.home ? 'home' : '');
    }));
    const seen = () => { if (map.getZoom() < 13) { names.addTo(map); } else { names.remove(); } };
    map.on('zoomend', seen);
    seen();
  }
  if (data.tiles) { L.tileLayer(data.tiles, { attribution: data.attribution, maxZoom: 18 }).addTo(map); }
  else if (data.shapes && window.topojson && data.city) {
    fetch(data.shapes, { credentials: 'same-origin' }).then((a) => (a.ok ? a.json() : Promise.reject(new Error(String(a.status))))).then(ground).catch(() => {});
  }
  if (data.here) {
    L.marker(data.here, { icon: L.divIcon({ className: 's-here', html: '', iconSize: [22, 22] }), title: words.here, alt: words.here, keyboard: false, zIndexOffset: -500 }).addTo(map);
  }

  /* What stands on it -------------------------------------------------------------------------------------------------- */
  const marks = L.layerGroup().addTo(map);
  let asked = null, later = 0;
  function card(square) {
    const made = document.createElement('div');
    const name = made.appendChild(document.createElement('b'));
    name.textContent = square.name;
    made.appendChild(document.createElement('p')).textContent = square.kind + ' · ' + square.words;
    const link = made.appendChild(document.createElement('a'));
    link.href = square.url;
    link.className = 'btn';
    link.textContent = words.more;
    return made;
  }
  function put(square) {
    const many = square.n > 1, size = many ? Math.min(30 + Math.log2(square.n) * 4, 60) : 24;
    const title = many ? words.open.replace('{n}', square.n).replace('{open}', square.open) : square.name + ' · ' + square.words;
    const icon = L.divIcon({ className: 's-mark' + (many ? ' many' : '') + (square.open ? ' open' : ''), html: '', iconSize: [size, size] });
    const mark = L.marker([square.lat, square.lon], { icon, title, alt: title, riseOnHover: true, zIndexOffset: many ? 100 : 0 });
    mark.on('add', () => { if (many) { mark.getElement().textContent = square.n; } });
    if (!many) { mark.bindPopup(() => card(square), { closeButton: false }); }
    else { mark.on('click', () => { if (map.getZoom() >= 18) { location.href = data.list; } else { map.setView([square.lat, square.lon], Math.min(map.getZoom() + 2, 18)); } }); }
    marks.addLayer(mark);
  }
  function load() {
    if (asked) { asked.abort(); }
    asked = new AbortController();
    const b = map.getBounds();
    const where = [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()].map((n) => n.toFixed(4)).join(',');
    fetch(data.points + '?bbox=' + where + '&zoom=' + map.getZoom() + (data.query ? '&' + data.query : ''), { credentials: 'same-origin', signal: asked.signal })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
      .then((found) => {
        marks.clearLayers();
        found.squares.forEach(put);
        told.textContent = found.squares.length ? '' : words.none;
        box.setAttribute('data-ready', String(found.squares.length));
      })
      .catch((error) => { if (error.name !== 'AbortError') { told.textContent = words.failed; } });
  }
  map.on('moveend', () => { if (!document.querySelector('.leaflet-popup')) { clearTimeout(later); later = setTimeout(load, 150); } });
  map.on('popupclose', () => { clearTimeout(later); later = setTimeout(load, 400); });
  load();
}());
