/* The request page and the call page; both work without this. Syntax of Chromium 88.
   data-when   "name=value": shown only while that field of its form has that value
   data-tab    opens this tab in place and goes to its form
   data-open   "reveal": opens the first form that asks what the number is needed for */
(function () {
  'use strict';
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  let wanted = false;
  function fit(within) {
    all('[data-when]', within).forEach((el) => {
      const form = el.closest('form'), rule = el.getAttribute('data-when'), cut = rule.indexOf('=');
      if (!form) { return; }
      el.hidden = !new FormData(form).getAll(rule.slice(0, cut)).includes(rule.slice(cut + 1));
    });
  }
  function toForm() {
    const box = document.getElementById('act');
    if (!box) { return; }
    box.scrollIntoView({ block: 'start' });
    const field = box.querySelector('textarea, .card-body input:not([type=hidden]), select');
    if (field) { field.focus({ preventScroll: true }); }
  }
  document.addEventListener('change', (event) => { if (event.target.closest && event.target.closest('form')) { fit(event.target.closest('form')); } });
  document.addEventListener('click', (event) => {
    const link = event.target.closest ? event.target.closest('[data-tab], [data-open]') : null;
    if (!link) { return; }
    if (link.hasAttribute('data-open')) {
      const box = document.querySelector('.u-reveal');
      if (!box) { return; }
      event.preventDefault();
      box.open = true;
      box.scrollIntoView({ block: 'center' });
      box.querySelector('select').focus({ preventScroll: true });
      return;
    }
    const tab = document.getElementById('tab-' + link.getAttribute('data-tab'));
    if (!tab) { return; }
    event.preventDefault();
    if (tab.hasAttribute('aria-current')) { toForm(); } else { wanted = true; tab.click(); }
  });
  document.addEventListener('htmx:afterSettle', () => {
    fit(document);
    if (wanted) { wanted = false; toForm(); }
  });
  fit(document);
}());
