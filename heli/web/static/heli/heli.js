/* Heli: small helpers, one per data attribute; every page works without them. Syntax of Chromium 88.
   data-look      form that switches large print: takes effect at once, is posted in the background
   data-keep      form whose typed text stays on this device until it was sent (data-forget on a later page clears it)
   data-key       link, button or field with a key of its own; never fires while somebody types
   data-copy      button that copies this text
   data-confirm   form or button that asks this sentence first
   data-until     words that count down in the last hour (data-said holds them with {n})
   data-counter   field with a number of characters it may hold
   data-shrink    file field: large photos are made smaller before they are sent, and shown
   data-adds      the same field: choosing again adds photos; the words of the button that takes one out
   data-go        select or checkbox that sends its form when changed
   data-focus     gets the focus when the page opens (a summary of errors) */
(function () {
  'use strict';
  // The policy of the page refuses scripts made of text; htmx may make page fragments of it, and a page may start the
  // service worker of its own room; nothing else.
  if (window.trustedTypes) {
    window.trustedTypes.createPolicy('default', {
      createHTML: (text) => text,
      createScriptURL: (url) => (/^\/[a-z]+\/sw\.js$/.test(url) ? url : null),
    });
  }
  const root = document.documentElement;
  const say = (name) => document.body.getAttribute('data-say-' + name) || '';
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const shown = (el) => el.getClientRects().length > 0 && getComputedStyle(el).visibility !== 'hidden';
  const store = {
    get(key) { try { return JSON.parse(localStorage.getItem(key)); } catch (e) { return null; } },
    set(key, value) { try { localStorage.setItem(key, JSON.stringify(value)); return true; } catch (e) { return false; } },
    drop(key) { try { localStorage.removeItem(key); } catch (e) { /* storage is closed: nothing was kept */ } },
  };
  let live;
  function announce(words) {
    live = live || document.getElementById('h-live');
    if (live) { live.textContent = words; }
  }

  /* Large print ---------------------------------------------------------------------------------------------------- */
  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('[data-look]') || !window.fetch) { return; }
    event.preventDefault();
    const large = root.getAttribute('data-heli-print') !== 'large';
    const data = new FormData(form);
    const button = form.querySelector('button');
    data.set('print', large ? 'large' : 'normal');
    if (large) { root.setAttribute('data-heli-print', 'large'); } else { root.removeAttribute('data-heli-print'); }
    button.setAttribute('aria-pressed', String(large));
    const word = button.querySelector('[data-word]');
    if (word) { word.textContent = large ? word.getAttribute('data-on') : word.getAttribute('data-off'); }
    fetch(form.action, { method: 'POST', body: data, credentials: 'same-origin', redirect: 'manual' });
    document.dispatchEvent(new CustomEvent('heli:look'));
  }, true);

  /* Keep what was typed --------------------------------------------------------------------------------------------- */
  const WEEK = 7 * 864e5;
  const kept = (form) => all('input, textarea, select', form).filter((el) => el.name && !el.hasAttribute('data-keep-not')
    && !/^(hidden|password|file|tel|submit|button)$/.test(el.type));
  const keepName = (form) => 'heli.keep.' + form.getAttribute('data-keep');
  function restore(form) {
    const was = store.get(keepName(form));
    if (!was || Date.now() - was.at > WEEK) { store.drop(keepName(form)); return; }
    let back = false;
    kept(form).forEach((el) => {
      const value = was.values[el.name];
      if (value === undefined) { return; }
      if (el.type === 'radio' || el.type === 'checkbox') {
        if (!kept(form).some((other) => other.name === el.name && other.defaultChecked)) { el.checked = value.includes(el.value); }
      } else if (!el.value && value[0]) { el.value = value[0]; back = true; }
    });
    if (back) { tellKept(form); }
  }
  function keep(form) {
    const values = {};
    kept(form).forEach((el) => {
      values[el.name] = values[el.name] || [];
      if ((el.type !== 'radio' && el.type !== 'checkbox') || el.checked) { values[el.name].push(el.value); }
    });
    if (store.set(keepName(form), { at: Date.now(), values })) { tellKept(form); }
  }
  function tellKept() { all('[data-kept]').forEach((el) => { el.textContent = el.getAttribute('data-kept'); }); }
  let keeping;
  document.addEventListener('input', (event) => {
    const form = event.target.closest ? event.target.closest('form[data-keep]') : null;
    if (form) { clearTimeout(keeping); keeping = setTimeout(() => keep(form), 400); }
  });

  /* Keys ------------------------------------------------------------------------------------------------------------ */
  const typing = (el) => el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName))
    && !/^(checkbox|radio|button|submit|range)$/.test(el.type || '');
  const keyed = () => all('[data-key]').filter((el) => !el.disabled && shown(el));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      all('details.h-menu[open]').forEach((menu) => { menu.open = false; menu.querySelector('summary').focus(); });
      if (typing(document.activeElement) && document.activeElement.hasAttribute('data-key')) { document.activeElement.blur(); }
      return;
    }
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.repeat
      || typing(event.target) || document.querySelector('dialog[open]')) { return; }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === 'Enter' && event.target.closest('a, button, summary, label, input')) { return; }
    if (key === '?') { event.preventDefault(); showKeys(); return; }
    const target = keyed().find((el) => el.getAttribute('data-key').toLowerCase() === key.toLowerCase());
    if (!target) { return; }
    event.preventDefault();
    if (typing(target)) { target.focus(); target.select && target.select(); } else { target.click(); }
  });
  function showKeys() {
    const box = document.getElementById('h-keys');
    if (!box || !box.showModal) { return; }
    const list = box.querySelector('dl');
    list.textContent = '';
    keyed().forEach((el) => {
      const dt = document.createElement('dt'), dd = document.createElement('dd'), kbd = document.createElement('kbd');
      kbd.textContent = el.getAttribute('data-key').length === 1 ? el.getAttribute('data-key').toUpperCase() : el.getAttribute('data-key');
      dt.appendChild(kbd);
      const copy = el.cloneNode(true);
      all('kbd', copy).forEach((k) => k.remove());
      dd.textContent = el.getAttribute('data-key-words') || el.getAttribute('aria-label') || el.placeholder || copy.textContent.trim();
      list.append(dt, dd);
    });
    box.showModal();
  }

  /* Clicks: copy, keys help, menus, dialogs, confirm by sentence ------------------------------------------------------ */
  function copy(text) {
    if (navigator.clipboard && window.isSecureContext) { return navigator.clipboard.writeText(text); }
    const area = document.createElement('textarea');  // plain http inside an office network has no clipboard API
    area.value = text;
    area.className = 'visually-hidden';
    document.body.appendChild(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done ? Promise.resolve() : Promise.reject(new Error('copy'));
  }
  document.addEventListener('click', (event) => {
    const on = event.target;
    if (!on.closest) { return; }
    all('details.h-menu[open]').forEach((menu) => { if (!menu.contains(on)) { menu.open = false; } });
    const copier = on.closest('[data-copy]');
    if (copier) {
      const word = copier.querySelector('[data-word]') || copier;
      copy(copier.getAttribute('data-copy')).then(() => {
        word.textContent = say('copied');
        announce(say('copied'));
      }, () => announce(say('not-copied')));
    }
    if (on.closest('[data-show-keys]')) { showKeys(); }
    if (on.closest('[data-print]')) { window.print(); }
    const closer = on.closest('[data-close]');
    if (closer) { closer.closest('dialog').close(); }
  });
  document.addEventListener('submit', (event) => {
    const form = event.target, button = event.submitter;
    if (event.defaultPrevented || form.matches('[data-look]')) { return; }
    const asks = (button && button.getAttribute('data-confirm')) || form.getAttribute('data-confirm');
    if (asks && !form.confirmed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const box = document.getElementById('h-confirm');
      const go = () => {
        form.confirmed = true;
        if (form.requestSubmit) { form.requestSubmit(button || undefined); } else { form.submit(); }
        form.confirmed = false;
      };
      if (!box || !box.showModal) { if (window.confirm(asks)) { go(); } return; }
      box.querySelector('p').textContent = asks;
      const yes = box.querySelector('[data-yes]');
      yes.textContent = (button && button.getAttribute('data-confirm-go')) || (button ? button.textContent.trim() : say('go-on'));
      yes.onclick = () => { box.close(); go(); };
      box.showModal();
      return;
    }
    if (form.method === 'post' && !form.hasAttribute('hx-post')) {  // a second press while the first is on its way
      if (form.sentAt && Date.now() - form.sentAt < 4000) { event.preventDefault(); return; }
      form.sentAt = Date.now();
    }
  }, true);
  window.addEventListener('pageshow', () => all('form').forEach((form) => { form.sentAt = 0; }));
  document.addEventListener('change', (event) => {
    if (event.target.hasAttribute && event.target.hasAttribute('data-go')) {
      const form = event.target.form;
      if (form.requestSubmit) { form.requestSubmit(); } else { form.submit(); }
    }
    if (event.target.matches && event.target.matches('input[type=file][data-shrink]')) { shrink(event.target); }
  });

  /* Clocks: at most once a minute; said aloud only at marks ------------------------------------------------------------ */
  function tick() {
    all('[data-until]').forEach((el) => {
      const rest = Math.floor((new Date(el.getAttribute('data-until')) - Date.now()) / 60000);
      if (rest < 1) { el.textContent = say('time-up'); el.removeAttribute('data-until'); announce(say('time-up')); return; }
      if (rest > 60) { return; }
      const words = el.getAttribute('data-said').replace('{n}', rest);
      if (el.textContent !== words) {
        el.textContent = words;
        if (rest === 30 || rest === 10 || rest === 5) { announce(words); }
      }
    });
  }
  setInterval(tick, 60000);

  /* Counters ---------------------------------------------------------------------------------------------------------- */
  function counter(el) {
    const most = Number(el.getAttribute('data-counter'));
    let out = el.nextElementSibling;
    if (!out || !out.classList.contains('h-count')) {
      out = document.createElement('span');
      out.className = 'h-count';
      out.setAttribute('aria-hidden', 'true');
      el.after(out);
    }
    const show = () => {
      const n = Array.from(el.value).length;
      out.textContent = n.toLocaleString('en') + ' / ' + most.toLocaleString('en');
      if (n > most) { out.setAttribute('data-s', 'late'); } else if (n > most * 0.9) { out.setAttribute('data-s', 'soon'); } else { out.removeAttribute('data-s'); }
    };
    el.addEventListener('input', show);
    show();
  }

  /* Photos: made smaller on the phone, so that a village connection can send them; the canvas also drops the place ------ */
  const LONGEST = 2048;
  async function smaller(file) {
    if (!/^image\/(jpeg|png|webp)$/.test(file.type) || !window.createImageBitmap) { return file; }
    try {
      const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
      const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
      if (scale === 1 && file.size < 1.5e6) { return file; }
      const canvas = document.createElement('canvas');
      canvas.width = Math.round(bitmap.width * scale);
      canvas.height = Math.round(bitmap.height * scale);
      canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.85));
      return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, '') + '.jpg', { type: 'image/jpeg' }) : file;
    } catch (e) { return file; }  // the server looks at it anyway and says what is wrong
  }
  async function shrink(input) {
    const most = Number(input.getAttribute('data-shrink')) || 6;
    const before = input.hasAttribute('data-adds') ? input.heliFiles || [] : [];  // a camera gives one photo at a time
    const small = await Promise.all(Array.from(input.files).slice(0, most).map(smaller));
    photos(input, before.concat(small).slice(0, most));
    announce(say('photos').replace('{n}', input.heliFiles.length));
  }
  function photos(input, files) {
    input.heliFiles = files;
    if (window.DataTransfer) {
      const box = new DataTransfer();
      files.forEach((file) => box.items.add(file));
      input.files = box.files;
    }
    const list = document.querySelector(input.getAttribute('data-preview') || '.h-photos[data-preview]');
    if (!list) { return; }
    list.textContent = '';
    files.forEach((file, n) => {
      const li = document.createElement('li'), img = document.createElement('img');
      img.alt = file.name;
      img.src = URL.createObjectURL(file);
      img.onload = () => URL.revokeObjectURL(img.src);
      li.appendChild(img);
      if (input.hasAttribute('data-adds') && window.DataTransfer) {
        const out = document.createElement('button');
        out.type = 'button';
        out.className = 'h-out';
        out.setAttribute('aria-label', input.getAttribute('data-adds'));
        out.textContent = '×';
        out.onclick = () => photos(input, input.heliFiles.filter((_f, other) => other !== n));
        li.appendChild(out);
      }
      list.appendChild(li);
    });
  }

  /* Start, and again for what HTMX brings ------------------------------------------------------------------------------- */
  function start(within) {
    all('form[data-keep]', within).forEach(restore);
    all('[data-counter]', within).forEach(counter);
    all('[data-forget]', within.parentNode || within).forEach((el) => store.drop('heli.keep.' + el.getAttribute('data-forget')));
    const first = within.querySelector('[data-focus]');
    if (first) { first.setAttribute('tabindex', '-1'); first.focus(); }
  }
  start(document);
  document.addEventListener('htmx:afterSwap', (event) => start(event.target));
}());
