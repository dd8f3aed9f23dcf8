/* Checking in with one's own phone: a random name of this device, and where it is when the shift compares that. Both may be
   missing: the button works without. Syntax of Chromium 88. */
(() => {
  'use strict';
  const form = document.querySelector('[data-check-in]');
  if (!form) { return; }
  try {
    let name = localStorage.getItem('heli-device');
    if (!name) { name = crypto.randomUUID ? crypto.randomUUID() : String(Math.random()).slice(2); localStorage.setItem('heli-device', name); }
    form.elements.device.value = name;
  } catch (e) { /* no storage: no mark */ }
  if ('fence' in form.dataset && navigator.geolocation) {
    navigator.geolocation.getCurrentPosition((at) => {
      form.elements.lat.value = at.coords.latitude.toFixed(6);
      form.elements.lon.value = at.coords.longitude.toFixed(6);
    }, () => {}, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
  }
})();
