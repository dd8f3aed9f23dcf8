
/* The service worker: keeps the page for the time without a connection, and sends what waits when it is back.
   KEPT and VERSION stand before this text; snapQueue is the text of queue.js. */
(() => {
  'use strict';
  const CACHE = 'heli-snap-' + VERSION, SHELL = '/snap/shell/', PATIENCE = 5000;
  self.addEventListener('install', (event) => {
    // none of a session is in what is kept
    const bare = KEPT.map((url) => new Request(url, { credentials: 'omit', cache: 'reload' }));
    event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(bare)).then(() => self.skipWaiting()));
  });
  self.addEventListener('activate', (event) => {
    event.waitUntil(caches.keys()
      .then((names) => Promise.all(names.filter((n) => n.startsWith('heli-snap-') && n !== CACHE).map((n) => caches.delete(n))))
      .then(() => self.clients.claim()));
  });
  const kept = (url) => caches.match(url, { ignoreVary: true });
  async function page(request) {
    const late = new Promise((done) => setTimeout(done, PATIENCE));
    const asked = fetch(request).catch(() => null);
    const answer = await Promise.race([asked, late]);
    if (answer && answer.status < 500) { return answer; }
    return (await kept(SHELL)) || answer || (await asked) || Response.error();
  }
  self.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url);
    if (event.request.method !== 'GET' || url.origin !== self.location.origin) { return; }
    if (event.request.mode === 'navigate') {
      if (url.pathname === '/snap/') { event.respondWith(page(event.request)); }
    } else if (KEPT.includes(url.pathname)) {
      event.respondWith(kept(url.pathname).then((found) => found || fetch(event.request)));
    }
  });
  self.addEventListener('sync', (event) => {
    if (event.tag === 'heli-snaps') {
      event.waitUntil(snapQueue.sendAll().then(async (sent) => {
        (await self.clients.matchAll()).forEach((page) => page.postMessage('heli-snaps'));
        if (!sent) { throw new Error('again later'); }
      }));
    }
  });
})();
