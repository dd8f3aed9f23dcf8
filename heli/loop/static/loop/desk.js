/* The dispatch desk: next and previous, what is marked in the queue, numbers of the top bar. Works without it by links
   and forms. Syntax of Chromium 88. */
(function () {
  'use strict';
  /* Finding a category: branches without a fit are folded away */
  document.addEventListener('input', (event) => {
    const field = event.target;
    if (!field.matches || !field.matches('[data-desk-filter]')) { return; }
    const box = document.querySelector(field.getAttribute('data-desk-filter')), typed = field.value.trim().toLowerCase();
    let any = false;
    Array.from(box.querySelectorAll('label')).forEach((leaf) => {
      const fits = leaf.getAttribute('data-words').toLowerCase().includes(typed);
      leaf.hidden = !fits;
      any = any || fits;
    });
    Array.from(box.querySelectorAll('details')).reverse().forEach((branch) => {
      const fits = Array.from(branch.querySelectorAll('label')).some((leaf) => !leaf.hidden);
      branch.hidden = !fits;
      branch.open = Boolean(typed) && fits;
    });
    box.querySelector('[data-none]').hidden = any;
  });

  const desk = document.querySelector('[data-desk]');
  if (!desk) { return; }
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const phone = window.matchMedia('(max-width: 760px)');
  const rows = () => all('#desk-rows .it');
  const item = () => document.getElementById('desk-item');
  let shownAt = 0, shown = item() ? item().getAttribute('data-code') : '';

  /* The row of the item that is open */
  function mark() {
    const code = item() ? item().getAttribute('data-code') : '';
    rows().forEach((row) => {
      if (row.getAttribute('data-code') === code) {
        row.setAttribute('aria-current', 'true');
        row.scrollIntoView({ block: 'nearest' });
      } else { row.removeAttribute('aria-current'); }
    });
  }

  /* Next and previous */
  function go(by) {
    const list = rows(), here = list.findIndex((row) => row.hasAttribute('aria-current'));
    const to = list[here < 0 ? 0 : Math.min(Math.max(here + by, 0), list.length - 1)];
    if (to && list.indexOf(to) !== here) { to.click(); }
  }

  /* A new item: its head is read and focused, columns begin at their top, and an Enter meant for the one before does nothing */
  document.addEventListener('htmx:afterSettle', () => {
    const code = item() ? item().getAttribute('data-code') : '';
    mark();
    if (code === shown) { return; }
    shown = code;
    shownAt = Date.now();
    all('.dd-i, .dd-p', desk).forEach((column) => { column.scrollTop = 0; });
    if (phone.matches) { window.scrollTo(0, 0); }
    const head = document.getElementById('desk-title');
    if (head) { head.focus({ preventScroll: true }); }
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && Date.now() - shownAt < 700 && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  /* On a phone the item is a page of its own */
  document.addEventListener('htmx:confirm', (event) => {
    const row = event.target.closest ? event.target.closest('#desk-rows .it') : null;
    if (row && phone.matches) { event.preventDefault(); location.assign(row.href); }
  });

  /* Forms of the item */
  document.addEventListener('click', (event) => {
    const on = event.target.closest ? event.target.closest('[data-desk-go], [data-desk-cancel], [data-desk-add]') : null;
    if (!on) { return; }
    if (on.hasAttribute('data-desk-go')) { go(Number(on.getAttribute('data-desk-go'))); }
    if (on.hasAttribute('data-desk-cancel')) { event.preventDefault(); on.closest('form').remove(); }
    if (on.hasAttribute('data-desk-add')) {
      const box = document.querySelector('[data-desk-parts]'), last = box.lastElementChild, more = last.cloneNode(true);
      const legend = more.querySelector('legend'), n = box.children.length + 1;
      legend.textContent = legend.textContent.replace(/\d+/, n);
      all('input, textarea', more).forEach((field) => { field.value = ''; });
      box.append(more);
      more.querySelector('input').focus();
      if (n >= 8) { on.hidden = true; }
    }
  });
  function ready(within) {
    all('[data-desk-add]', within).forEach((button) => { button.hidden = false; });
    const form = document.querySelector('#desk-form form');
    if (form && !form.seen) {
      form.seen = true;
      const first = form.querySelector('[data-focus], .is-invalid, input:not([type=hidden]):not([type=radio]), textarea, input:checked, input[type=radio]');
      if (first) { first.focus({ preventScroll: true }); form.scrollIntoView({ block: 'nearest' }); }
    }
  }
  document.addEventListener('htmx:afterSettle', (event) => ready(event.target));
  document.addEventListener('toggle', (event) => {
    if (event.target.matches && event.target.matches('.dd-find[open]')) { event.target.querySelector('input').focus(); }
  }, true);

  /* The numbers of the top bar come with the head of the queue */
  function numbers() {
    all('[data-nav-count]').forEach((said) => {
      const link = document.querySelector('.h-nav a[href="' + said.getAttribute('data-nav-count') + '"]');
      if (!link) { return; }
      let box = link.querySelector('.h-num');
      if (!box) { box = document.createElement('span'); box.className = 'h-num'; link.append(' ', box); }
      box.textContent = said.textContent;
    });
  }
  document.addEventListener('htmx:afterSwap', numbers);
  numbers();
  mark();
  ready(document);
}());
