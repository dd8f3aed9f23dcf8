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
  const LONGEST = 1600, SQUARE = 0.16, PATIENCE = 12000, ROUGH = Number(form.getAttribute('data-rough'));
  let photo = null, whole = null, lost = false, position = null, entry = null, last = '', busy = false;
  let round = 0;  // grows when the form begins anew: what was begun for the one before changes nothing any more

  /* One press at a time: a second one while the first is being kept makes no second entry ---------------------------------- */
  async function press(act) {
    if (busy) { return; }
    busy = true;
    form.setAttribute('aria-busy', 'true');
    try { await act(); } finally {
      busy = false;
      form.removeAttribute('aria-busy');
      show('[data-busy]', false);
    }
  }

  /* The photo: made small and turned upright by the browser, so that the camera's own data are gone. All work on it goes
     through one chain, and every press waits for its end: what is sent is what was last seen on the screen ---------------- */
  const canvas = one('[data-canvas]'), draw = canvas.getContext('2d');
  let work = Promise.resolve();
  function change(act, covered) {
    const mine = round;
    work = work.then(async () => {
      if (mine !== round) { return; }
      let made = null;
      try {
        await act();
        made = await jpeg();
      } catch (e) { /* cannot be opened, or the phone has no memory for it */ }
      if (mine !== round) { return; }
      photo = made;
      lost = !made;
      show('[data-photo]', Boolean(made));
      show('[data-unmark]', Boolean(made && covered));
      one('.s-photo').classList.toggle('s-taken', Boolean(made));
      if (lost) { wrong(say('no-photo')); }
    });
    return work;
  }
  const jpeg = () => new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
  async function read(file) {
    try { return await createImageBitmap(file, { imageOrientation: 'from-image' }); } catch (e) { /* try the other way */ }
    const image = new Image(), url = URL.createObjectURL(file);
    try {
      await new Promise((done, failed) => {
        image.onload = done;
        image.onerror = failed;
        image.src = url;
      });
    } finally { URL.revokeObjectURL(url); }
    return image;
  }
  function take(file) {
    wrong('');
    return change(async () => {
      const picture = await read(file), scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      draw.drawImage(picture, 0, 0, canvas.width, canvas.height);
      if (picture.close) { picture.close(); }
      whole = draw.getImageData(0, 0, canvas.width, canvas.height);
    }, false);
  }
  one('[name=photo]').addEventListener('change', (event) => {
    const file = event.target.files[0];
    if (!file) { return; }
    event.target.value = '';  // the same one may be chosen again
    take(file);
    if (!position) { locate(); }
  });
  canvas.addEventListener('click', (event) => {  // a face or a plate: tapped, and gone before anything is sent
    const at = canvas.getBoundingClientRect(), x = (event.clientX - at.left) / at.width, y = (event.clientY - at.top) / at.height;
    change(() => {
      const side = Math.max(1, Math.round(SQUARE * Math.min(canvas.width, canvas.height)));
      const start = (share, length) => Math.max(0, Math.min(length - side, Math.round(share * length - side / 2)));
      const left = start(x, canvas.width), top = start(y, canvas.height), few = document.createElement('canvas');
      few.width = few.height = 3;
      few.getContext('2d').drawImage(canvas, left, top, side, side, 0, 0, 3, 3);
      draw.imageSmoothingEnabled = false;
      draw.drawImage(few, left, top, side, side);
    }, true);
  });
  one('[data-unmark]').addEventListener('click', () => { change(() => draw.putImageData(whole, 0, 0), false); });

  /* The place: asked of the phone when a photo is taken; refused, rough or slow, it is chosen by hand ---------------------- */
  const placeWords = one('[data-place-words]'), area = one('[name=area]'), spot = one('[name=spot]');
  let locating = null, nowhere = 'place', hurry = null, waited = false;  // `nowhere`: why there is no point
  const rough = () => position.accuracy > ROUGH;
  const placed = () => Boolean((position && !rough()) || area.value || spot.value.trim());
  const choose = () => { one('[data-place]').open = true; };
  function tell() {
    const chosen = area.selectedOptions[0];
    let words = say(locating ? 'locating' : nowhere), state = locating || nowhere === 'place' ? '' : 'soon';
    if (area.value) {
      [words, state] = [say('chosen').replace('{where}', chosen.textContent.trim()), ''];
    } else if (position && rough()) {
      [words, state] = [say('rough').replace('{n}', Math.ceil(position.accuracy / 1000)), 'soon'];
    } else if (position) {
      const found = position.found;
      words = (found ? say(found.near ? 'at' : 'county').replace('{where}', found.words) : say('noted'))
        + say('around').replace('{n}', Math.max(10, Math.ceil(position.accuracy / 10) * 10));
      state = '';
    }
    placeWords.textContent = words;
    placeWords.parentElement.setAttribute('data-s', state);
    near((position && position.found && position.found.others) || []);
  }
  function near(others) {  // the communities beside the one that was found: one tap puts it right, one more takes that back
    const box = one('[data-near]'), names = box.querySelector('div');
    box.hidden = !others.length;
    names.textContent = '';
    others.forEach((o) => {
      const made = button(o.name, () => {
        area.value = area.value === o.path ? '' : o.path;
        chose();
      });
      made.setAttribute('aria-pressed', String(area.value === o.path));
      names.appendChild(made);
    });
  }
  function chose() {
    tell();
    if (hurry && placed()) { hurry(); }
  }
  area.addEventListener('change', chose);
  spot.addEventListener('change', chose);
  function locate(fresh) {  // what the phone says at last, or null; also for an entry that left the form meanwhile
    if (locating) { return locating; }
    const mine = round;
    const asked = locating = new Promise((done) => {
      if (!navigator.geolocation) { done(null); return; }
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => done({ lat: coords.latitude.toFixed(6), lon: coords.longitude.toFixed(6), accuracy: Math.round(coords.accuracy) }),
        () => done(null), { enableHighAccuracy: true, timeout: PATIENCE, maximumAge: fresh ? 0 : 60000 });
    });
    tell();
    asked.then((found) => {
      if (mine !== round) { return; }
      locating = null;
      if (found) { put(found); } else { nowhere = 'denied'; }
      tell();
      if (!placed()) { choose(); }
    });
    return asked;
  }
  function put(point) {
    const mine = position = { lat: point.lat, lon: point.lon, accuracy: point.accuracy };
    const data = new FormData();
    Object.keys(mine).forEach((name) => data.append(name, mine[name]));
    tell();
    fetch('/snap/ready/', { credentials: 'same-origin', cache: 'no-store' }).then((r) => r.json())
      .then((ready) => fetch('/snap/place/', { method: 'POST', body: data, credentials: 'same-origin', headers: { 'X-CSRFToken': ready.token } }))
      .then((r) => r.json()).then((found) => {
        if (position !== mine) { return; }  // another entry, or asked once more
        if (found.outside) { [position, nowhere] = [null, 'outside']; } else if (found.words) { mine.found = found; }
        tell();
        if (!placed()) { choose(); }
      }).catch(() => { /* no connection: the point is enough, the server finds the community */ });
  }
  one('[data-locate]').addEventListener('click', () => { area.value = ''; waited = false; locate(true); });
  show('[data-locate], [data-later]', true);

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
      words: one('[name=words]').value.trim(), area: area.value, spot: spot.value.trim(), photo, lost,
      who: form.getAttribute('data-who') || (entry && entry.who) || remembered(),
    };
    if (entry) { Object.assign(made, { aboutPlace: entry.aboutPlace, alone: entry.alone }); }  // said once already
    return position ? Object.assign(made, { lat: position.lat, lon: position.lon, accuracy: position.accuracy }) : made;
  }
  // without a connection the page does not know the account: the one that was last logged in here
  function remembered() { return form.hasAttribute('data-shell') ? (localStorage.getItem('heli.snap.who') || '') : ''; }
  if (!form.hasAttribute('data-shell')) {
    try { localStorage.setItem('heli.snap.who', form.getAttribute('data-who')); } catch (e) { /* not kept */ }
  }
  async function keep(made) {
    try {
      await snapQueue.put(made);
    } catch (e) { return false; }  // no room, or a browser that keeps nothing
    return true;
  }
  let pressed = null;  // browsers before 2022 do not say which button sent the form
  form.addEventListener('click', (event) => { pressed = event.target.closest('button'); });
  form.addEventListener('submit', (event) => {
    const button = event.submitter || pressed;
    if (!button || button.name !== 'hazard') { return; }
    event.preventDefault();
    if (hurry && placed()) { hurry(); }
    press(() => send(button.value, button.textContent.trim()));
  });
  async function send(hazard, hazardWords) {
    if (hazard === 'other' && !one('[name=words]').value.trim()) { wrong(say('words')); one('[name=words]').focus(); return; }
    await work;
    if (!placed() && !waited) { await place(); }
    await work;
    if (!placed()) {
      tell();
      wrong(say('where'));
      choose();
      return;
    }
    const made = collect(hazard, hazardWords, 'queued');
    if (!await keep(made)) { await atOnce(made); return; }
    done(made);
    await list();
    background();
    flush();
  }
  async function place() {  // of somebody who was quicker than the phone; what is there is kept meanwhile
    if (photo) {
      const made = collect('', '', 'later');
      if (await keep(made)) { entry = made; }
    }
    show('[data-busy]', true);
    waited = true;  // once for an entry
    await Promise.race([locate(), new Promise((go) => { hurry = go; setTimeout(go, PATIENCE); })]);
    hurry = null;
    if (locating) { locating = null; nowhere = 'denied'; }  // the phone may still answer
  }
  async function atOnce(made) {  // the phone could not keep it: it is sent from here, or stays in the form
    entry = made;
    const { now } = await snapQueue.post(made);
    if (now.state !== 'sent') { wrong(now.why || say('not-kept')); return; }
    await snapQueue.put(now).catch(() => snapQueue.drop(made.key)).catch(() => { /* nothing of it is there */ });
    done(made);
    told(now);
  }
  function done(made) {
    last = made.key;
    clear();
    show('[data-form-part]', false);
    show('[data-done]', true);
    one('[data-done-head]').textContent = say('kept');
    one('[data-done-words]').textContent = navigator.onLine ? say('sending') : say('offline');
    one('[data-done-link]').hidden = true;
    one('[data-done]').scrollIntoView();
    one('[data-done-head]').focus({ preventScroll: true });
  }
  function told(now) {
    const link = one('[data-done-link]');
    link.hidden = now.state !== 'sent';
    one('[data-done-words]').classList.toggle('h-code', now.state === 'sent');
    if (now.state === 'sent') {
      one('[data-done-head]').textContent = say('sent');
      one('[data-done-words]').textContent = now.code + (now.photoLeftOut ? ' · ' + say('left-out') : now.lost ? ' · ' + say('lost') : '');
      link.href = '/t/' + now.token + '/';
    } else if (now.state === 'refused') {
      one('[data-done-head]').textContent = say('refused');
      one('[data-done-words]').textContent = now.why;
    } else {
      one('[data-done-head]').textContent = say('kept');
      one('[data-done-words]').textContent = now.state === 'who' ? say('who') : now.why || say(now.tries ? 'tried' : 'offline');
    }
  }
  async function flush() {
    let through = false;
    try { through = await snapQueue.sendAll(); } catch (e) { /* the next opening of the page tries again */ }
    if (!through) { background(); }
    await refresh();
  }
  async function refresh() {
    await list();
    const now = last && await snapQueue.get(last).catch(() => null);
    if (now) { told(now); }
  }
  async function background() {  // the worker sends it when there is a connection, also when this page is closed
    try {
      const worker = await navigator.serviceWorker.ready;
      await worker.sync.register('heli-snaps');
    } catch (e) { /* a browser without that */ }
  }
  function clear() {
    round += 1;
    photo = whole = entry = position = locating = null;
    lost = waited = false;
    nowhere = 'place';
    form.reset();
    area.value = '';
    show('[data-photo], [data-unmark]', false);
    one('.s-photo').classList.remove('s-taken');
    tell();
    wrong('');
  }
  one('[data-again]').addEventListener('click', () => { show('[data-form-part]', true); show('[data-done]', false); window.scrollTo(0, 0); });
  one('[data-later]').addEventListener('click', () => press(async () => {
    await work;
    if (!photo && !position) { wrong(say(lost ? 'no-photo' : 'later-what')); return; }
    const made = collect('', '', 'later'), coming = locating;
    if (!await keep(made)) { wrong(say('not-kept')); return; }
    clear();
    if (coming) {  // who drives puts the phone away: the place comes to what was kept
      coming.then((point) => point && snapQueue.change(made.key, (row) => !row.lat && row.state === 'later' && Object.assign(row, point)));
    }
    await list();
    one('[data-waiting]').scrollIntoView();
  }));

  /* What waits on this phone -------------------------------------------------------------------------------------------------- */
  const el = (tag, cls, words) => { const made = document.createElement(tag); made.className = cls || ''; if (words) { made.textContent = words; } return made; };
  function button(words, act) { const made = el('button', 'btn', words); made.type = 'button'; made.onclick = act; return made; }
  async function list() {
    const rows = await snapQueue.all().catch(() => []), box = one('[data-waiting]'), ul = box.querySelector('ul');
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
    const state = row.state === 'queued' ? (row.why || say(row.tries ? 'tried' : 'queued')) : row.state === 'refused' ? row.why : row.state === 'who' ? say('who') : say('later');
    words.appendChild(el('div', 'h-sub', state));
    if (row.state === 'later') { acts.appendChild(button(say('finish'), () => again(row))); }
    if (row.state === 'refused') {
      if (row.whyCode === 'L-263') {
        acts.appendChild(toForm(row));
        acts.appendChild(button(say('about-place'), () => resend(row, { aboutPlace: true })));
      } else { acts.appendChild(button(say('correct'), () => again(row))); }
    }
    if (row.state === 'who' && !form.getAttribute('data-who') && !form.hasAttribute('data-shell')) {
      const log = el('a', 'btn btn-primary', say('log-in'));
      log.href = form.getAttribute('data-log-in');
      acts.appendChild(log);
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
        out.submit();  // it stays here until a person throws it away: the way there may fail
      }).catch(() => wrong(say('offline')));
    });
    return out;
  }
  const resend = (row, more) => press(async () => {
    await snapQueue.change(row.key, (now) => Object.assign(now, more, { state: 'queued', why: '', whyCode: '' }));
    last = row.key;
    await flush();
    const now = await snapQueue.get(row.key);
    if (now && now.state === 'sent') { show('[data-form-part]', false); show('[data-done]', true); }
  });
  const again = (row) => press(async () => {  // back into the form: its photo, its place, what was typed
    await work;
    const other = photo && (!entry || entry.key !== row.key);  // a photo that nobody kept yet is not lost for it
    if (other && !await keep(collect('', '', 'later'))) { wrong(say('not-kept')); return; }
    clear();
    entry = row;
    one('[name=words]').value = row.words || '';
    one('[data-words]').open = Boolean(row.words);
    spot.value = row.spot || '';
    area.value = row.area || '';
    if (row.lat) { put(row); }
    tell();
    show('[data-form-part]', true);
    show('[data-done]', false);
    if (row.photo) { await take(row.photo); }
    if (row.field === 'area' || !placed()) { choose(); }
    if (row.why) { wrong(row.why); } else if (!lost) { window.scrollTo(0, 0); }
    if (other) { await list(); }
  });

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
    navigator.serviceWorker.addEventListener('message', refresh);
  }
  if (navigator.storage && navigator.storage.persist) { navigator.storage.persist().catch(() => {}); }
}());
