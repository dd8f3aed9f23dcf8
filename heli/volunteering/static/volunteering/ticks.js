/* The leader's list: each press is kept on this phone first, then sent; without a network it waits. Sent twice it counts
   once (nonce). Kept: the number of the place in the shift, in or out, when; nobody's name. Syntax of Chromium 88. */
(() => {
  'use strict';
  const list = document.querySelector('[data-ticks]');
  if (!list) { return; }
  const store = 'heli-ticks-' + list.dataset.ticks, say = list.dataset;
  const head = document.querySelector('[data-state]');
  const read = () => { try { return JSON.parse(localStorage.getItem(store)) || []; } catch (e) { return []; } };
  const write = (rows) => localStorage.setItem(store, JSON.stringify(rows));
  const uuid = () => (crypto.randomUUID ? crypto.randomUUID() : '10000000-1000-4000-8000-100000000000'.replace(/[018]/g,
    (c) => (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16)));
  function device() {
    let name = localStorage.getItem('heli-device');
    if (!name) { name = uuid(); localStorage.setItem('heli-device', name); }
    return name;
  }
  function show() {
    const rows = read(), waits = rows.filter((r) => !r.refused).length;
    head.textContent = waits ? say.waits.replace('{n}', waits) : say.sent;
    list.querySelectorAll('li').forEach((li) => {
      const mine = rows.filter((r) => String(r.e) === li.dataset.e), last = mine[mine.length - 1];
      const note = li.querySelector('[data-note]');
      if (last) {
        const at = new Date(last.at).toTimeString().slice(0, 5);
        note.textContent = last.refused || (last.out ? say.left : say.came).replace('{at}', at);
        note.toggleAttribute('data-kept', !last.refused);
        li.dataset.state = last.out ? 'out' : 'in';
      }
      li.querySelector('[data-in]').hidden = li.dataset.state === 'in';
      li.querySelector('[data-out]').hidden = li.dataset.state !== 'in';
    });
  }
  let busy = false;
  async function send() {
    const rows = read().filter((r) => !r.refused);
    if (busy || !rows.length) { show(); return; }
    busy = true;
    let refused = false;
    try {
      // a page kept for the time without a network may be older than the log-in: then it says so, and keeps what was pressed
      const answer = await fetch(list.dataset.url, { method: 'POST', credentials: 'same-origin', redirect: 'manual',
        headers: { 'Content-Type': 'application/json', 'X-CSRFToken': list.dataset.token },
        body: JSON.stringify({ device: device(), seen: rows.slice(0, 400) }) });
      if (answer.ok) {
        const said = await answer.json(), done = new Set(said.done);
        write(read().filter((r) => !done.has(r.nonce)).map((r) => (said.refused[r.nonce] ? Object.assign(r, { refused: said.refused[r.nonce] }) : r)));
        list.querySelectorAll('[data-kept]').forEach((n) => n.removeAttribute('data-kept'));
      } else { refused = answer.status < 500; }
    } catch (e) { /* no connection: it waits */ }
    busy = false;
    show();
    if (refused) { head.textContent = say.again; return; }
    if (read().some((r) => !r.refused)) { setTimeout(send, 15000); }
  }
  list.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) { return; }
    const rows = read();
    rows.push({ e: Number(button.closest('li').dataset.e), out: 'out' in button.dataset, at: new Date().toISOString(), nonce: uuid(), offline: !navigator.onLine });
    write(rows);
    show();
    send();
  });
  window.addEventListener('online', send);
  show();
  send();
  if ('serviceWorker' in navigator) {
    // the first time the page was there before its worker: asked for once more, with what it is made of, it is kept
    const parts = [...document.querySelectorAll('script[src], link[href]')].map((e) => e.src || e.href).filter((u) => u.includes('/static/'));
    const icon = document.querySelector('use');
    const keep = () => [location.href, ...parts, ...(icon ? [icon.href.baseVal] : [])].forEach((u) => fetch(u).catch(() => {}));
    if (!navigator.serviceWorker.controller) { navigator.serviceWorker.addEventListener('controllerchange', keep); }
    navigator.serviceWorker.register(list.dataset.worker, { scope: list.dataset.scope }).catch(() => {});
  }
})();
