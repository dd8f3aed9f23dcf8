/* The three steps of telling something. Without this script the same form goes step by step through the server.
   Steps change in the page, the phone's own back key goes one step back, photos stay chosen, and what is sent over a
   poor connection shows how far it is. Syntax of Chromium 88. */
(function () {
  'use strict';
  let form = document.getElementById('tell');
  if (!form || !window.FormData || !window.DOMParser) { return; }
  const one = (selector, within) => (within || form).querySelector(selector);
  const all = (selector, within) => Array.from((within || form).querySelectorAll(selector));
  const say = (name) => form.getAttribute('data-say-' + name) || '';
  const hx = (element, name) => { if (window.htmx && element) { window.htmx.trigger(element, name); } };
  let step = 1, readFor = '', pressed = null;

  /* Which step is shown ------------------------------------------------------------------------------------------------- */
  function show(next, focus) {
    step = next;
    all('[data-step]').forEach((el) => { el.hidden = Number(el.getAttribute('data-step')) !== step; });
    all('.h-steps li').forEach((li, n) => {
      li.className = n + 1 === step ? 'now' : n + 1 < step ? 'on' : '';
      if (n + 1 === step) { li.setAttribute('aria-current', 'step'); } else { li.removeAttribute('aria-current'); }
    });
    one('[data-default]').value = step === 3 ? 'send' : String(step + 1);
    if (step === 2) { lookUp(); }
    if (focus) {
      const head = one('section[data-step="' + step + '"] h1');
      head.setAttribute('tabindex', '-1');
      head.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
  }
  function lookUp() {  // once for each text: choosing by hand is not undone
    const words = one('[name=text]').value + '\n' + one('[name=spot]').value;
    if (words !== readFor || !one('#place').children.length) { readFor = words; hx(one('#place'), 'heli:look'); }
  }
  function go(next) {
    if (next > step && !ready(next)) { return; }
    wrong([]);
    if (next > step) { window.history.pushState({ step: next }, '', '#' + next); show(next, true); return; }
    if (window.history.state && window.history.state.step) { window.history.back(); } else { show(next, true); }
  }
  function ready(next) {
    if (next > 1 && !one('[name=text]').value.trim()) { show(1); wrong([['f_text', say('text')]]); return false; }
    if (next > 2 && !one('[name=area]:checked')) { show(2); wrong([['f_areas', say('area')]]); return false; }
    return true;
  }
  window.addEventListener('popstate', (event) => show((event.state && event.state.step) || 1, true));

  /* What is wrong: said at the top, read aloud, linked to its field ------------------------------------------------------ */
  function wrong(said) {
    const box = document.getElementById('wrong');
    const list = one('ul', box);
    list.textContent = '';
    box.hidden = !said.length;
    said.forEach(([id, words]) => {
      const li = document.createElement('li'), link = document.createElement(id ? 'a' : 'span');
      if (id) { link.href = '#' + id; }
      link.textContent = words;
      li.appendChild(link);
      list.appendChild(li);
    });
    if (said.length) { box.setAttribute('tabindex', '-1'); box.focus(); }
  }

  /* The place, only after a tap ------------------------------------------------------------------------------------------- */
  function place(lat, lon, accuracy) {
    one('[data-lat]').value = lat;
    one('[data-lon]').value = lon;
    one('[data-accuracy]').value = accuracy;
  }
  function tellPlace(words, found) {
    const box = one('[data-located]');
    box.hidden = !words;
    one('[data-located-words]').textContent = words;
    one('[data-unlocate]').hidden = !found;
  }
  function locate() {
    tellPlace(say('locating'), false);
    navigator.geolocation.getCurrentPosition((at) => {
      const near = Math.round(at.coords.accuracy);
      place(at.coords.latitude.toFixed(6), at.coords.longitude.toFixed(6), near);
      tellPlace(near <= 500 ? say('near').replace('{n}', Math.max(10, Math.ceil(near / 10) * 10)) : say('far').replace('{n}', Math.ceil(near / 1000)), true);
    }, () => { place('', '', ''); tellPlace(say('denied'), false); }, { enableHighAccuracy: true, timeout: 15000, maximumAge: 60000 });
  }

  /* Sending ----------------------------------------------------------------------------------------------------------------- */
  function send() {
    const bar = one('[data-sending]');
    const buttons = all('button[type=submit]');
    const data = new FormData(form);
    const request = new XMLHttpRequest();
    data.set('go', 'send');
    buttons.forEach((b) => { b.disabled = true; });
    bar.hidden = false;
    request.upload.onprogress = (event) => { bar.style.setProperty('--p', Math.round(100 * event.loaded / (event.total || 1)) + '%'); };
    const failed = () => {
      buttons.forEach((b) => { b.disabled = false; });
      bar.hidden = true;
      wrong([['', say('offline')]]);
    };
    request.onerror = request.ontimeout = failed;
    request.onload = () => {
      if (request.status < 300 && /\/t\//.test(request.responseURL)) { window.location.replace(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, 'text/html').getElementById('tell');
      if (!page) { failed(); return; }
      took(page);
    };
    request.open('POST', form.action);
    request.setRequestHeader('X-Heli-Form', 'steps');
    request.send(data);
  }
  function took(page) {  // the form as the server gives it back, with the photos that are still chosen here
    const photos = one('[data-photos]');
    form.replaceWith(page);
    form = page;
    one('[data-photos]').replaceWith(photos);
    if (window.htmx) { window.htmx.process(form); }
    readFor = one('[name=text]').value + '\n' + one('[name=spot]').value;
    form.dispatchEvent(new CustomEvent('htmx:afterSwap', { bubbles: true }));  // heli.js starts what is new
    begin(Number(form.getAttribute('data-step')) || 1);
    const again = one('#wrong p');
    if (again) { again.remove(); }
    const box = document.getElementById('wrong');
    box.setAttribute('tabindex', '-1');
    box.focus();
  }

  /* Start --------------------------------------------------------------------------------------------------------------------- */
  function begin(at) {
    const slot = one('[data-photos-here]');
    if (slot) { slot.replaceWith(one('[data-photos]')); }
    const locator = one('[data-locate]');
    locator.hidden = !('geolocation' in navigator);
    locator.onclick = locate;
    one('[data-unlocate]').onclick = () => { place('', '', ''); tellPlace('', false); };
    toggle();
    show(at);
  }
  function toggle() {
    const none = one('[name=contact][value=none]').checked;
    one('[data-if-phone]').hidden = none;
  }
  document.addEventListener('click', (event) => { pressed = event.target.closest ? event.target.closest('button') : null; });
  document.addEventListener('submit', (event) => {
    if (event.target !== form) { return; }
    const button = event.submitter || pressed;
    const where = button ? button.value : one('[data-default]').value;
    if (button && button.name && button.name !== 'go') { return; }
    event.preventDefault();
    form.sentAt = 0;  // steps inside the page are not a second press
    if (where === 'send') { if (ready(3)) { send(); } } else { go(Number(where)); }
  });
  document.addEventListener('change', (event) => {
    if (!form.contains(event.target)) { return; }
    if (event.target.name === 'contact') { toggle(); }
    if (event.target.name === 'area') { hx(document.getElementById('same'), 'heli:look'); }
  });
  document.addEventListener('htmx:afterSwap', (event) => {
    if (event.target.id === 'place' && one('[name=area]:checked')) { hx(document.getElementById('same'), 'heli:look'); }
  });
  const start = Number(form.getAttribute('data-step')) || 1;
  readFor = start > 1 ? one('[name=text]').value + '\n' + one('[name=spot]').value : '';
  begin(start);
  if (start > 1) { window.history.replaceState({ step: start }, '', '#' + start); }
  if (start === 1 && one('[name=text]').value.trim()) { hx(document.getElementById('about'), 'heli:look'); }
}());
