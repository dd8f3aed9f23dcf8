/* The page of snaps. Without this script the same form is sent as it is; with it a photo is made small on the phone,
   the place comes from the phone, and everything goes through the queue (queue.js), so that no connection is needed and a
   closed tab loses nothing. Syntax of Chromium 88. */
(function () {
  'use strict';
  const form = document.getElementById('snap');
  if (!form || !window.indexedDB || !window.fetch || !HTMLCanvasElement.prototype.toBlob) { return; }
  const one = (selector) => form.querySelector(selector) || document.querySelector(selector);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const say = (name) => form.getAttribute('data-say-' + name) || '';
  const show = (selector, on) => all(selector).forEach((el) => { el.hidden = !on; });
  const LONGEST = 1600, SQUARE = 0.16;
  let photo = null, whole = null, position = null, entry = null, locating = false, last = '';

  /* The photo: made small and turned upright by the browser, so that the camera's own data are gone ---------------------- */
  const canvas = one('[data-canvas]');
  async function read(file) {
    try { return await createImageBitmap(file, { imageOrientation: 'from-image' }); } catch (e) { /* try the other way */ }
    return new Promise((done, failed) => {
      const image = new Image();
      image.onload = () => done(image);
      image.onerror = failed;
      image.src = URL.createObjectURL(file);
    });
  }
  async function take(file) {
    wrong('');
    try {
      const picture = await read(file), scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (picture.close) { picture.close(); }
      whole = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      photo = await jpeg();
      show('[data-photo]', true);
      one('.s-photo').classList.add('s-taken');
      show('[data-unmark]', false);
    } catch (e) {
      photo = null;
      show('[data-photo]', false);
      wrong(say('no-photo'));
    }
  }
  const jpeg = () => new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
  one('[name=photo]').addEventListener('change', (event) => {
    if (!position) { locate(); }
    if (event.target.files[0]) { take(event.target.files[0]); }
  });
  canvas.addEventListener('click', async (event) => {  // a face or a plate: tapped, and gone before anything is sent
    const at = canvas.getBoundingClientRect(), draw = canvas.getContext('2d');
    const side = Math.round(SQUARE * Math.min(canvas.width, canvas.height));
    const x = Math.round((event.clientX - at.left) / at.width * canvas.width - side / 2);
    const y = Math.round((event.clientY - at.top) / at.height * canvas.height - side / 2);
    const few = document.createElement('canvas');
    few.width = few.height = 3;
    few.getContext('2d').drawImage(canvas, x, y, side, side, 0, 0, 3, 3);
    draw.imageSmoothingEnabled = false;
    draw.drawImage(few, x, y, side, side);
    photo = await jpeg();
    show('[data-unmark]', true);
  });
  one('[data-unmark]').addEventListener('click', async () => {
    canvas.getContext('2d').putImageData(whole, 0, 0);
    photo = await jpeg();
    show('[data-unmark]', false);
  });

  /* The place: asked of the phone when a photo is taken; refused or slow, it is chosen by hand ---------------------------- */
  const placeWords = one('[data-place-words]');
  function tell(words, state) {
    placeWords.textContent = words;
    placeWords.parentElement.setAttribute('data-s', state || '');
  }
  function choose() { one('[data-place]').open = true; }
  function locate() {
    if (!navigator.geolocation || locating) { if (!navigator.geolocation) { tell(say('denied'), 'soon'); choose(); } return; }
    locating = true;
    tell(say('locating'));
    navigator.geolocation.getCurrentPosition((found) => {
      locating = false;
      put(found.coords.latitude.toFixed(6), found.coords.longitude.toFixed(6), Math.round(found.coords.accuracy));
    }, () => {
      locating = false;
      if (!position) { tell(say('denied'), 'soon'); choose(); }
    }, { enableHighAccuracy: true, timeout: 12000, maximumAge: 60000 });
  }
  function put(lat, lon, accuracy) {
    position = { lat, lon, accuracy };
    const around = say('around').replace('{n}', Math.max(10, Math.ceil(accuracy / 10) * 10));
    tell(say('noted') + around);
    const data = new FormData();
    data.append('lat', lat);
    data.append('lon', lon);
    fetch('/snap/ready/', { credentials: 'same-origin', cache: 'no-store' }).then((r) => r.json())
      .then((ready) => fetch('/snap/place/', { method: 'POST', body: data, credentials: 'same-origin', headers: { 'X-CSRFToken': ready.token } }))
      .then((r) => r.json()).then((found) => {
        if (found.outside) { tell(say('outside'), 'late'); choose(); return; }
        if (found.words) { tell((found.near ? say('at') : say('county')).replace('{where}', found.words) + around); }
        if (found.area && !one('[name=area]').value) { one('[name=area]').value = found.area; }
      }).catch(() => { /* no connection: the point is enough, the server finds the community */ });
  }
  one('[data-locate]').addEventListener('click', () => { position = null; locate(); });
  show('[data-locate], [data-later]', true);
  one('[name=area]').addEventListener('change', (event) => {
    const chosen = event.target.selectedOptions[0];
    if (event.target.value) { tell(say('chosen').replace('{where}', chosen.textContent.trim())); }
  });

  /* Sending: kept on the phone first, then sent ----------------------------------------------------------------------------- */
  function wrong(words) {
    const box = one('[data-wrong]');
    box.hidden = !words;
    box.textContent = words;
    if (words) { box.scrollIntoView({ block: 'center' }); }
  }
  const uuid = () => (crypto.randomUUID ? crypto.randomUUID() : '10000000-1000-4000-8000-100000000000'.replace(/[018]/g,
    (c) => (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16)));
  function collect(hazard, hazardWords, state) {
    const made = {
      key: (entry && entry.key) || uuid(), state, hazard, hazardWords, at: (entry && entry.at) || Date.now(),
      words: one('[name=words]').value.trim(), area: one('[name=area]').value, spot: one('[name=spot]').value.trim(),
      who: form.getAttribute('data-who') || (entry && entry.who) || remembered(), photo: photo || (entry && entry.photo) || null,
    };
    if (entry) { Object.assign(made, { aboutPlace: entry.aboutPlace, alone: entry.alone }); }  // said once already
    return Object.assign(made, position || {});
  }
  // without a connection the page does not know the account: the one that was last logged in here
  function remembered() { return form.hasAttribute('data-shell') ? (localStorage.getItem('heli.snap.who') || '') : ''; }
  if (!form.hasAttribute('data-shell')) {
    try { localStorage.setItem('heli.snap.who', form.getAttribute('data-who')); } catch (e) { /* not kept */ }
  }
  async function keep(made) {
    try {
      await snapQueue.put(made);
    } catch (e) { wrong(say('not-kept')); return false; }
    return true;
  }
  form.addEventListener('submit', async (event) => {
    const button = event.submitter;
    if (!button || button.name !== 'hazard') { return; }
    event.preventDefault();
    if (button.value === 'other' && !one('[name=words]').value.trim()) { wrong(say('words')); one('[name=words]').focus(); return; }
    if (!position && !one('[name=area]').value && !one('[name=spot]').value.trim()) {
      wrong(say('where'));
      choose();
      return;
    }
    const made = collect(button.value, button.textContent.trim(), 'queued');
    if (!await keep(made)) { return; }
    last = made.key;
    clear();
    show('[data-form-part]', false);
    show('[data-done]', true);
    one('[data-done-head]').textContent = say('kept');
    one('[data-done-words]').textContent = navigator.onLine ? say('sending') : say('offline');
    one('[data-done]').scrollIntoView();
    await list();
    await flush();
  });
  function told(now) {
    const link = one('[data-done-link]');
    link.hidden = now.state !== 'sent';
    one('[data-done-words]').classList.toggle('h-code', now.state === 'sent');
    if (now.state === 'sent') {
      one('[data-done-head]').textContent = say('sent');
      one('[data-done-words]').textContent = now.code + (now.photoLeftOut ? ' · ' + say('left-out') : '');
      link.href = '/t/' + now.token + '/';
    } else if (now.state === 'refused') {
      one('[data-done-head]').textContent = say('refused');
      one('[data-done-words]').textContent = now.why;
    } else {
      one('[data-done-head]').textContent = say('kept');
      one('[data-done-words]').textContent = now.state === 'who' ? say('who') : say('offline');
    }
  }
  async function flush() {
    try {
      if (!await snapQueue.sendAll() && navigator.serviceWorker) {
        const worker = await navigator.serviceWorker.ready;
        if (worker.sync) { await worker.sync.register('heli-snaps'); }
      }
    } catch (e) { /* the next opening of the page tries again */ }
    await list();
    const now = last && await snapQueue.get(last);
    if (now) { told(now); }
  }
  function clear() {
    photo = whole = entry = position = null;
    form.reset();
    one('[name=area]').value = '';
    show('[data-photo], [data-unmark]', false);
    one('.s-photo').classList.remove('s-taken');
    tell(say('place'));
    wrong('');
  }
  one('[data-again]').addEventListener('click', () => { show('[data-form-part]', true); show('[data-done]', false); window.scrollTo(0, 0); });
  one('[data-later]').addEventListener('click', async () => {
    if (!photo && !position) { wrong(say('later-what')); return; }
    if (await keep(collect('', '', 'later'))) { clear(); await list(); one('[data-waiting]').scrollIntoView(); }
  });

  /* What waits on this phone -------------------------------------------------------------------------------------------------- */
  const el = (tag, cls, words) => { const made = document.createElement(tag); made.className = cls || ''; if (words) { made.textContent = words; } return made; };
  function button(words, act) { const made = el('button', 'btn', words); made.type = 'button'; made.onclick = act; return made; }
  async function list() {
    const rows = await snapQueue.all(), box = one('[data-waiting]'), ul = box.querySelector('ul');
    const waiting = rows.filter((r) => r.state !== 'sent');
    ul.textContent = '';
    waiting.forEach((row) => ul.appendChild(item(row)));
    box.hidden = !waiting.length;
    const gone = rows.length - waiting.length;
    show('[data-mine]', gone > 0 || !form.hasAttribute('data-shell'));
  }
  function item(row) {
    const li = el('li', 's-item'), words = el('div', 's-item-words'), acts = el('div', 's-item-acts');
    if (row.photo) {
      const img = el('img', 's-thumb');
      img.alt = say('photo');
      img.src = URL.createObjectURL(row.photo);
      img.onload = () => URL.revokeObjectURL(img.src);
      li.appendChild(img);
    }
    words.appendChild(el('b', '', row.hazardWords || row.words || say('no-hazard')));
    const state = row.state === 'queued' ? (row.why || say('queued')) : row.state === 'refused' ? row.why : row.state === 'who' ? say('who') : say('later');
    words.appendChild(el('div', 'h-sub', state));
    if (row.state === 'later') { acts.appendChild(button(say('finish'), () => again(row))); }
    if (row.state === 'refused') {
      if (row.whyCode === 'L-263') {
        acts.appendChild(toForm(row));
        acts.appendChild(button(say('about-place'), () => resend(row, { aboutPlace: true })));
      } else { acts.appendChild(button(say('correct'), () => again(row))); }
    }
    if (row.state === 'who') { acts.appendChild(button(say('alone'), () => resend(row, { alone: true }))); }
    if (row.state === 'queued') { acts.appendChild(button(say('try'), flush)); }
    acts.appendChild(button(say('drop'), async (event) => {
      const pressed = event.currentTarget;
      if (!pressed.dataset.sure) { pressed.dataset.sure = '1'; pressed.textContent = say('drop-sure'); return; }
      await snapQueue.drop(row.key);
      list();
    }));
    words.appendChild(acts);
    li.appendChild(words);
    return li;
  }
  function toForm(row) {  // posted, so that what is said of a person stands in no address
    const out = el('form'), text = el('input'), go = el('input'), press = el('button', 'btn btn-primary', say('to-form'));
    out.method = 'post';
    out.action = '/submit/';
    text.type = go.type = 'hidden';
    text.name = 'text';
    text.value = row.words;
    go.name = 'go';
    go.value = '1';
    press.type = 'submit';
    out.append(text, go, press);
    out.addEventListener('submit', (event) => {
      if (out.elements.csrfmiddlewaretoken) { return; }
      event.preventDefault();
      fetch('/snap/ready/', { credentials: 'same-origin', cache: 'no-store' }).then((r) => r.json()).then((ready) => {
        const token = el('input');
        token.type = 'hidden';
        token.name = 'csrfmiddlewaretoken';
        token.value = ready.token;
        out.appendChild(token);
        snapQueue.drop(row.key).then(() => out.submit());
      }).catch(() => wrong(say('offline')));
    });
    return out;
  }
  async function resend(row, more) {
    await snapQueue.put(Object.assign(row, more, { state: 'queued', why: '', whyCode: '' }));
    last = row.key;
    await flush();
    const now = await snapQueue.get(row.key);
    if (now && now.state === 'sent') { show('[data-form-part]', false); show('[data-done]', true); }
  }
  async function again(row) {  // back into the form: its photo, its place, what was typed
    entry = row;
    photo = row.photo;
    position = row.lat ? { lat: row.lat, lon: row.lon, accuracy: row.accuracy } : null;
    one('[name=words]').value = row.words || '';
    one('[name=spot]').value = row.spot || '';
    one('[name=area]').value = row.area || '';
    show('[data-form-part]', true);
    show('[data-done]', false);
    if (row.photo) { await take(row.photo); }
    tell(position ? say('noted') : say('place'));
    if (row.field === 'area' || !position) { choose(); }
    if (row.why) { wrong(row.why); } else { window.scrollTo(0, 0); }
  }

  /* Start ----------------------------------------------------------------------------------------------------------------------- */
  function line() { show('[data-offline]', !navigator.onLine); }
  window.addEventListener('online', () => { line(); flush(); });
  window.addEventListener('offline', line);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { flush(); } });
  line();
  clear();
  list().then(flush);
  if (navigator.serviceWorker && window.isSecureContext) {
    navigator.serviceWorker.register('/snap/sw.js', { scope: '/snap/' }).catch(() => { /* the page works without it */ });
    navigator.serviceWorker.addEventListener('message', () => list());
  }
  if (navigator.storage && navigator.storage.persist) { navigator.storage.persist().catch(() => {}); }
}());
