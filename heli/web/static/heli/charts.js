/* Lines and bars from a JSON block, in the colours of the look, drawn again when a mode changes.
   <div class="h-chart" data-chart="ID" role="img" aria-label="…"></div> {{ data|json_script:"ID" }}
   data: {kind: "line" | "bar", x: [..], unit: "件", series: [{name, data: [..], state?: "late"}], goal?: 95}
   The same numbers stand in a table on the page; the chart adds nothing that a reader without it would miss. */
(function () {
  'use strict';
  if (!window.echarts) { return; }
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const COLOURS = { '': '--h-qing', doing: '--h-qing', late: '--h-yan', soon: '--h-xiang', done: '--h-zhu', back: '--h-zi', you: '--h-shi', pause: '--h-ink-3' };
  const ORDER = ['--h-qing', '--h-shi', '--h-zi', '--h-zhu', '--h-xiang'];
  const SYMBOLS = ['circle', 'rect', 'triangle', 'diamond', 'pin'];
  function option(data) {
    const text = { color: css('--h-ink-2'), fontSize: 13, fontFamily: css('--h-font') };
    const line = { lineStyle: { color: css('--h-line') } };
    return {
      animation: false,
      textStyle: text,
      grid: { left: 8, right: 16, top: data.series.length > 1 ? 36 : 16, bottom: 4, containLabel: true },
      legend: data.series.length > 1 ? { top: 0, left: 0, textStyle: text, itemGap: 16 } : undefined,
      tooltip: { trigger: 'axis', backgroundColor: css('--h-surface'), borderColor: css('--h-line-2'), textStyle: { color: css('--h-ink') },
        valueFormatter: (v) => (v === null || v === undefined ? '–' : v.toLocaleString('en') + ' ' + (data.unit || '')) },
      xAxis: { type: 'category', data: data.x, axisLine: line, axisTick: { show: false }, axisLabel: text, boundaryGap: data.kind === 'bar' },
      yAxis: { type: 'value', axisLabel: text, splitLine: line, minInterval: data.decimals ? undefined : 1 },
      series: data.series.map((one, i) => {
        const colour = css(one.state !== undefined ? COLOURS[one.state] : ORDER[i % ORDER.length]);
        return {
          name: one.name, type: data.kind === 'bar' ? 'bar' : 'line', data: one.data, color: colour, stack: data.stack ? 'all' : undefined,
          symbol: SYMBOLS[i % SYMBOLS.length], symbolSize: 7, lineStyle: { width: 2, type: i % 2 ? 'dashed' : 'solid' }, barMaxWidth: 28,
          itemStyle: one.state === 'late' ? { decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 5], rotation: -Math.PI / 4, color: css('--h-yan-soft') } } : undefined,
          markLine: i === 0 && data.goal !== undefined ? { symbol: 'none', silent: true, data: [{ yAxis: data.goal }], lineStyle: { color: css('--h-ink'), type: 'solid' }, label: { color: css('--h-ink'), formatter: String(data.goal) } } : undefined,
        };
      }),
    };
  }
  const drawn = [];
  Array.from(document.querySelectorAll('[data-chart]')).forEach((el) => {
    const source = document.getElementById(el.getAttribute('data-chart'));
    if (!source) { return; }
    const data = JSON.parse(source.textContent);
    const chart = window.echarts.init(el, null, { renderer: 'svg' });
    chart.setOption(option(data));
    drawn.push([chart, data]);
  });
  window.addEventListener('resize', () => drawn.forEach((pair) => pair[0].resize()));
  new MutationObserver(() => drawn.forEach((pair) => { pair[0].setOption(option(pair[1]), true); pair[0].resize(); }))
    .observe(document.documentElement, { attributes: true, attributeFilter: ['data-bs-theme', 'data-heli-contrast', 'data-heli-print'] });
}());
