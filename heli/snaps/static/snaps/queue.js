/* What waits on this phone to be sent: one IndexedDB store, used by the page and by its service worker alike.
   An entry: key (the form's key: sent twice it counts once), state, hazard, words, area, spot, lat, lon, accuracy,
   photo (a JPEG made by the canvas: nothing of the camera's own data is in it), who (a mark of the account), at.
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
      ask.onsuccess = () => done(ask.result);
      ask.onerror = () => { opened = null; failed(ask.error); };
    });
    return opened;
  }
  async function run(mode, act) {
    const db = await open();
    return new Promise((done, failed) => {
      const work = db.transaction(STORE, mode), asked = act(work.objectStore(STORE));
      work.oncomplete = () => done(asked && asked.result);
      work.onerror = work.onabort = () => failed(work.error);
    });
  }
  const put = (entry) => run('readwrite', (store) => store.put(entry));
  const get = (key) => run('readonly', (store) => store.get(key));
  const drop = (key) => run('readwrite', (store) => store.delete(key));
  const all = async () => (await run('readonly', (store) => store.getAll())).sort((a, b) => b.at - a.at);

  function body(entry) {
    const data = new FormData();
    ['hazard', 'words', 'area', 'spot', 'lat', 'lon', 'accuracy'].forEach((name) => {
      if (entry[name] !== undefined && entry[name] !== null) { data.append(name, entry[name]); }
    });
    data.append('form_key', entry.key);
    if (entry.aboutPlace) { data.append('about_place', '1'); }
    if (entry.alone) { data.append('alone', '1'); }
    if (entry.photo) { data.append('photo', entry.photo, 'snap.jpg'); }
    return data;
  }
  /* One entry. What cannot be sent now stays queued; what the server refuses waits to be put right, and is not tried again
     by itself. Returns false when there is no use in trying the next one. */
  async function send(entry) {
    let ready, answer;
    try {
      // the session may have changed since it was taken: a fresh token, and whose it is
      const asked = await fetch('/snap/ready/', { credentials: 'same-origin', cache: 'no-store' });
      if (!asked.ok) { return false; }
      ready = await asked.json();
      if (!entry.alone && (entry.who || '') !== ready.who) {
        await put(Object.assign(entry, { state: 'who' }));
        return true;
      }
      answer = await fetch('/snap/', {
        method: 'POST', credentials: 'same-origin', redirect: 'error', body: body(entry),
        headers: { 'X-CSRFToken': ready.token, 'X-Heli-Snap': '1' },
      });
    } catch (e) { return false; }  // no connection
    let said = {};
    try { said = await answer.json(); } catch (e) { /* not ours: a proxy's page, or the house is away */ }
    if (answer.ok && said.token) {
      await put({ key: entry.key, state: 'sent', at: entry.at, code: said.code, token: said.token, url: said.url,
        hazard: entry.hazard, hazardWords: entry.hazardWords, photoLeftOut: said.photo_left_out });
      return true;
    }
    const tries = (entry.tries || 0) + 1;
    const forGood = answer.status >= 400 && answer.status < 500 && answer.status !== 403 && answer.status !== 408 && answer.status !== 429;
    await put(Object.assign(entry, {
      tries, state: forGood && said.words ? 'refused' : 'queued', why: said.words || '', whyCode: said.code || '', field: said.field || '',
    }));
    return answer.status < 500 && answer.status !== 429;
  }
  let under = null;
  async function sendAll() {
    const work = async () => {
      for (const entry of (await all()).reverse()) {
        if (entry.state === 'sent' && Date.now() - entry.at > MONTHS) { await drop(entry.key); continue; }
        if (entry.state !== 'queued') { continue; }
        if (!await send(entry)) { return false; }
      }
      return true;
    };
    // the page and the worker take turns; were they not to, the key of the form would still count each once
    const go = () => (navigator.locks ? navigator.locks.request('heli-snaps', work) : work());
    under = (under || Promise.resolve()).then(go, go);
    return under;
  }
  return { put, get, drop, all, sendAll };
})();
