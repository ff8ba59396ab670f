// The panel of pairs: their strength by several kinds of evidence side by side.

report.kinds.pairs = function (figure, data) {
  const state = { by: '0', wanted: '', most: '25' };
  // Interventions say what the output depends on, so that they come first where they are known.
  const place = data.kinds.findIndex((kind) => kind.name === 'intervention');
  if (place >= 0) state.by = String(place);
  const note = element('p', { class: 'note', 'aria-live': 'polite' });

  const choose = (what) => (value) => {
    state[what] = value;
    show();
  };
  const by = choice('Order by', data.kinds.map((kind, number) => [String(number), kind.title]), choose('by'));
  by.select.value = state.by;
  const most = choice('Show', [['25', '25 pairs'], ['50', '50 pairs'], ['100', '100 pairs']], choose('most'));
  figure.querySelector('.controls').append(by, search('Fields with', choose('wanted')), most);

  const width = Math.max(90, Math.floor((660 - 22 * data.kinds.length) / data.kinds.length));
  const chart = (kind, number) => {
    const y = {
      field: 'pair',
      type: 'nominal',
      sort: null,
      title: null,
      axis: number ? { labels: false, grid: true, ticks: false, domain: false } : { grid: true, labelLimit: 250 },
    };
    const x = (field) => ({ field, type: 'quantitative', title: kind.unit, scale: { zero: kind.zero }, axis: { tickCount: 3, labelOverlap: 'greedy', labelSeparation: 4, titleLimit: width + 10, titleFontSize: 10.5 } });
    const tips = [['pair', 'pair'], ['strength', 'strength'], ['low', 'low'], ['high', 'high'], ['effect', 'mean effect'], ['rank', 'rank']];
    return {
      title: { text: kind.title, frame: 'group' },
      width,
      height: { step: 18 },
      transform: [{ filter: `datum.kind === ${number}` }],
      layer: [
        { mark: { type: 'rule', style: 'interval' }, encoding: { y, x: x('low'), x2: { field: 'high' } } },
        {
          mark: { type: 'circle', opacity: 1 },
          encoding: { y, x: x('strength'), tooltip: tips.map(([field, title]) => ({ field, title })) },
        },
      ],
    };
  };
  const host = element('div', { class: 'chart' });
  figure.querySelector('figcaption').before(host, note);
  const drawing = new Drawing(host, {
    description: 'Strength of pairs of fields by each kind of evidence.',
    data: { name: 'pairs' },
    spacing: 22,
    hconcat: data.kinds.map(chart),
  });

  function show() {
    const number = Number(state.by);
    const words = state.wanted.split(/\s+/);
    const found = data.pairs.filter(({ pair }) => words.every((word) => pair.toLowerCase().includes(word)));
    found.sort((one, other) => one.of[number][4] - other.of[number][4]);
    const rows = found.slice(0, Number(state.most)).flatMap(({ pair, of }) =>
      of.map(([strength, low, high, effect, rank], kind) => ({
        pair,
        kind,
        strength,
        low,
        high,
        effect: effect === null ? 'has no sign' : shown(effect),
        rank: `${rank} of ${data.total}`,
      })),
    );
    drawing.show({ pairs: rows });
    note.textContent = found.length
      ? `${Math.min(found.length, Number(state.most))} of ${found.length} pairs, ordered by ${data.kinds[number].title.toLowerCase()} over ${data.kinds[number].rows.toLocaleString('en')} rows. Strongest: ${found[0].pair}.`
      : 'No pair has this text in the names of its fields.';
  }
  show();
};
