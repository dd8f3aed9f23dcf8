/* The area picker's keys: down from the search field into the places, up from the first one back, Enter takes the
   first one. Everything else (arrows between radio buttons, sending the form) is the browser's own. */
(function () {
  'use strict';
  if (window.heliPicker) { return; }
  window.heliPicker = true;
  const boxOf = (el) => (el.closest ? el.closest('[data-picker]') : null);
  const choices = (box) => Array.from(box.querySelectorAll('input[type="radio"]'));
  function take(radio) {
    radio.checked = true;
    radio.focus();
    radio.dispatchEvent(new Event('change', { bubbles: true }));
  }
  document.addEventListener('keydown', (event) => {
    const el = event.target, box = boxOf(el);
    if (!box || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) { return; }
    const all = choices(box), search = box.querySelector('input[type="search"]');
    if (el === search && all.length && (event.key === 'ArrowDown' || (event.key === 'Enter' && search.value.trim()))) {
      const checked = all.find((radio) => radio.checked);
      if (event.key === 'Enter' && checked) { return; }  // it is chosen: Enter sends the form
      event.preventDefault();
      take(checked || all[0]);
    } else if (el === all[0] && event.key === 'ArrowUp') {
      event.preventDefault();
      search.focus();
    }
  });
})();
