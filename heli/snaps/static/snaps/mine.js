/* My snaps: the links this phone keeps, with what became of each. Syntax of Chromium 88. */
(function () {
  'use strict';
  const box = document.getElementById('kept');
  if (!box || !window.indexedDB) { return; }
  const say = (name) => box.getAttribute('data-say-' + name) || '';
  const el = (tag, cls, words) => { const made = document.createElement(tag); made.className = cls || ''; if (words) { made.textContent = words; } return made; };
  snapQueue.all().then(async (rows) => {
    // what was sent with another account stands in that account's own list, not in this one's
    const mine = rows.filter((r) => !r.who || r.who === box.getAttribute('data-who'));
    const sent = mine.filter((r) => r.state === 'sent' && r.token).slice(0, 50), ul = box.querySelector('ul');
    const shown = new Set(Array.from(document.querySelectorAll('[data-code]')).map((e) => e.getAttribute('data-code')));
    const apart = sent.filter((r) => !shown.has(r.code));
    if (!apart.length) { return; }
    box.hidden = false;
    const none = document.getElementById('none');
    if (none) { none.hidden = true; }
    let said = {};
    try {
      const ready = await (await fetch('/snap/ready/', { credentials: 'same-origin', cache: 'no-store' })).json();
      const data = new FormData();
      apart.forEach((r) => data.append('token', r.token));
      said = await (await fetch('/snap/states/', { method: 'POST', body: data, credentials: 'same-origin', headers: { 'X-CSRFToken': ready.token } })).json();
    } catch (e) { /* without a connection: codes and links alone */ }
    apart.forEach((row) => {
      const found = said[row.token], li = el('li'), link = el('a'), words = el('span');
      link.href = '/t/' + row.token + '/';
      words.append(el('b', '', (found && found.title) || row.hazardWords || row.code), el('br'));
      words.appendChild(el('span', 'h-sub', row.code + ' · ' + new Date(row.at).toLocaleDateString() + (found ? ' · ' + found.words : ' · ' + say('unknown'))));
      if (found && found.thanks) { words.append(el('br'), el('span', 'h-sub', found.thanks)); }
      link.appendChild(words);
      li.appendChild(link);
      const out = el('button', 'btn btn-quiet', say('forget'));
      out.type = 'button';
      out.onclick = () => snapQueue.drop(row.key).then(() => li.remove());
      li.appendChild(out);
      ul.appendChild(li);
    });
  }).catch(() => { /* a browser that keeps nothing */ });
}());
