/* What waits on this phone to be sent: one IndexedDB store, used by the page and by its service worker alike.
   An entry: key (the form's key: sent twice it counts once), state, hazard, words, area, spot, lat, lon, accuracy,
   photo (a JPEG made by the canvas: nothing of the camera's own data is in it), lost (there was one that could not be
   opened), who (a mark of the account), at.
   States: later (no button pressed yet) · queued · refused (to be put right) · who (another account is logged in) · sent.
   Syntax of Chromium 88. */
const snapQueue = (() => {
  'use strict';
  const NAME = 'heli-snaps', STORE = 'snaps', MONTHS = 180 * 864e5;
  let opened = null;
  function open() {
    opened = opened || new Promise((done, failed) => {
      const ask = indexedDB.open(NAME, 1);
      ask.onupgradeneeded = () => ask.result.createObjectStore(STORE, { keyPath: 'key' });
      ask.onsuccess = () => {
        ask.result.onversionchange = ask.result.onclose = () => { ask.result.close(); opened = null; };
        done(ask.result);
      };
      ask.onerror = () => { opened = null; failed(ask.error); };
    });
    return opened;
  }
  async function begin(mode) {
    try { return (await open()).transaction(STORE, mode); } catch (e) { opened = null; }  // phones close it while they sleep
    return (await open()).transaction(STORE, mode);
  }
  async function run(mode, act) {
    const work = await begin(mode);
    return new Promise((done, failed) => {
      const asked = act(work.objectStore(STORE));
      work.oncomplete = () => done(asked && asked.result);
      work.onerror = work.onabort = () => failed(work.error);
    });
  }
  const put = (entry) => run('readwrite', (store) => store.put(entry));
  const get = (key) => run('readonly', (store) => store.get(key));
  const drop = (key) => run('readwrite', (store) => store.delete(key));
  // what is there is altered, unless that says false; what was thrown away meanwhile does not come back
  const change = (key, alter) => run('readwrite', (store) => {
    const asked = store.get(key);
    asked.onsuccess = () => { if (asked.result && alter(asked.result) !== false) { store.put(asked.result); } };
  });
  const all = async () => (await run('readonly', (store) => store.getAll())).sort((a, b) => b.at - a.at);

  function body(entry) {
    const data = new FormData();
    ['hazard', 'words', 'area', 'spot', 'lat', 'lon', 'accuracy'].forEach((name) => {
      if (entry[name] !== undefined && entry[name] !== null) { data.append(name, entry[name]); }
    });
    data.append('form_key', entry.key);
    if (entry.aboutPlace) { data.append('about_place', '1'); }
    if (entry.alone || !entry.who) { data.append('alone', '1'); }  // taken without an account, sent without
    if (entry.photo) { data.append('photo', entry.photo, 'snap.jpg'); }
    return data;
  }
  /* An answer of the house, also when it is no JSON (a proxy's page, or the house is away). A connection that went silent
     is given up: the next one would wait behind it. */
  async function ask(url, seconds, more) {
    const stop = new AbortController(), clock = setTimeout(() => stop.abort(), seconds * 1000);
    try {
      const answer = await fetch(url, Object.assign({ credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: stop.signal }, more));
      const text = await answer.text();
      let said = {};
      try { said = JSON.parse(text); } catch (e) { /* not ours */ }
      return { answer, said };
    } finally { clearTimeout(clock); }
  }
  /* What becomes of one entry: `now`, what is true of it then; `on`, whether there is use in trying the next one. */
  async function post(entry) {
    let got;
    try {
      // the session may have changed since it was taken: a fresh token, and whose it is
      const ready = await ask('/snap/ready/', 20);
      if (!ready.said.token) { return { now: {}, on: false }; }
      if (entry.who && !entry.alone && entry.who !== ready.said.who) { return { now: { state: 'who' }, on: true }; }
      got = await ask('/snap/', 120, { method: 'POST', body: body(entry), headers: { 'X-CSRFToken': ready.said.token, 'X-Heli-Snap': '1' } });
    } catch (e) { return { now: {}, on: false }; }  // no connection
    const { answer, said } = got;
    if (answer.ok && said.token) {
      const now = { key: entry.key, state: 'sent', at: entry.at, code: said.code, token: said.token, url: said.url,
        hazard: entry.hazard, hazardWords: entry.hazardWords, photoLeftOut: said.photo_left_out, lost: entry.lost };
      return { now: entry.alone ? now : Object.assign(now, { who: entry.who }), on: true };
    }
    const forGood = answer.status >= 400 && answer.status < 500 && ![403, 408, 429].includes(answer.status);
    const now = { tries: (entry.tries || 0) + 1, state: forGood && said.words ? 'refused' : 'queued', why: said.words || '',
      whyCode: said.code || '', field: said.field || '' };
    return { now, on: answer.status < 500 && answer.status !== 429 };
  }
  /* What cannot be sent now stays queued; what the server refuses waits to be put right, and is not tried again by itself. */
  async function send(entry) {
    const { now, on } = await post(entry);
    if (now.state === 'sent') { await put(now); } else if (now.state) { await change(entry.key, (row) => Object.assign(row, now)); }
    return on;
  }
  let under = null;
  async function sendAll() {
    const work = async () => {
      for (const row of (await all()).reverse()) {
        if (row.state === 'sent' && Date.now() - row.at > MONTHS) { await drop(row.key); continue; }
        const entry = await get(row.key);  // thrown away meanwhile, or the other side sent it
        if (!entry || !['queued', 'who'].includes(entry.state)) { continue; }  // the right account may be logged in by now
        if (!await send(entry)) { return false; }
      }
      return true;
    };
    // the page and the worker take turns; were they not to, the key of the form would still count each once
    const go = () => (navigator.locks ? navigator.locks.request('heli-snaps', work) : work());
    under = (under || Promise.resolve()).then(go, go);
    return under;
  }
  return { put, get, drop, change, all, post, sendAll };
})();
