/* Keeps the list of a shift for the time without a network: the page as it was last seen, and what it is made of. Each list
   is let go when a newer one is kept: no more than one is on the phone. Syntax of Chromium 88. */
(() => {
  'use strict';
  const CACHE = 'heli-ticks-1';
  self.addEventListener('install', () => self.skipWaiting());
  self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url), list = /\/shift\/\d+\/list\/$/.test(url.pathname);
    if (event.request.method !== 'GET' || url.origin !== self.location.origin || !(list || url.pathname.includes('/static/'))) { return; }
    event.respondWith((async () => {
      const cache = await caches.open(CACHE);
      try {
        const answer = await fetch(event.request);
        if (answer.ok && !answer.redirected) {
          if (list) { (await cache.keys()).forEach((k) => { if (/\/list\/$/.test(new URL(k.url).pathname)) { cache.delete(k); } }); }
          await cache.put(event.request, answer.clone());
        }
        return answer;
      } catch (e) { return (await cache.match(event.request, { ignoreVary: true })) || Response.error(); }
    })());
  });
})();
