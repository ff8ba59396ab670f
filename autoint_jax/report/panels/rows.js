// The panel of single rows: values, prediction, effects of values and pairs, and attention.

const MOST_LISTED = 200; // rows in the list
const MOST_BARS = 30; // fields whose effects are shown, those with the largest

report.kinds.rows = function (figure, data) {
  const { names, rows } = data;
  const maps = data.maps ? unpacked(data.maps) : null; // [rows, layers, heads, f, g]
  const state = { row: 0, wanted: '' };
  const texts = rows.map((row) => row.values.map((value, field) => `${names[field]}=${value}`.toLowerCase()));
  const heads = maps ? new Heads(data.layers, maps.shape[2], () => showMap()) : null;
  const matrix = maps ? new FieldMatrix(figure, 'Attention of the row') : null;
  const select = element('select', { size: '12', 'aria-label': 'Rows' });
  const count = element('p', { class: 'note', 'aria-live': 'polite' });
  const head = element('p', { class: 'prediction' });
  const bars = element('div', { class: 'chart' });
  const pairs = element('div', { class: 'chart' });

  select.addEventListener('change', () => {
    state.row = Number(select.value);
    show(true);
  });
  const wanted = search('Row number, value, or field=value', (text) => {
    state.wanted = text;
    list();
  });
  const left = element('div', { class: 'list' }, wanted, select, count);
  const right = element('div', { class: 'row' }, head, bars, pairs);
  figure.querySelector('.controls').remove();
  const caption = figure.querySelector('figcaption');
  caption.before(element('div', { class: 'split' }, left, right));
  if (matrix) {
    const controls = element('div', { class: 'controls' }, ...heads.controls);
    caption.before(element('h3', {}, 'Attention of this row'), controls, matrix.reading, element('div', { class: 'map' }, matrix.frame));
  }

  const zero = { mark: { type: 'rule', style: 'reference' }, encoding: { x: { datum: 0 } } };
  const barSpec = (title, description) => ({
    description,
    width: 330,
    height: { step: 17 },
    data: { name: 'bars' },
    layer: [
      {
        mark: { type: 'bar', height: 11, cornerRadiusEnd: 2 },
        encoding: {
          y: { field: 'name', type: 'nominal', sort: null, title: null, axis: { labelLimit: 230 } },
          x: { field: 'effect', type: 'quantitative', title, axis: { tickCount: 5 } },
          color: { field: 'raises', type: 'nominal', legend: null, scale: { domain: ['lowers', 'raises'], range: 'category' } },
          tooltip: [{ field: 'name', title: 'of' }, { field: 'text', title: 'effect' }],
        },
      },
      zero,
    ],
  });
  const effectDrawing = new Drawing(bars, barSpec('effect of the value on the logit', 'Effects of the values of this row.'));
  const pairDrawing = new Drawing(pairs, barSpec('effect of the pair on the logit', 'Effects of pairs of values of this row.'));
  const bar = (name, effect) => ({ name, effect, text: `${shown(effect)} logits`, raises: effect > 0 ? 'raises' : 'lowers' });

  function said(row) {
    return row.label === null ? '' : row.label ? ', label 1' : ', label 0';
  }

  function list() {
    const words = state.wanted.split(/\s+/).filter(Boolean);
    const matches = (row, place) => {
      if (/^\d+$/.test(state.wanted) && String(row.number) === state.wanted) return true;
      return words.every((word) => texts[place].some((text) => text.includes(word)));
    };
    const found = [...rows.keys()].filter((place) => matches(rows[place], place));
    if (/^\d+$/.test(state.wanted)) found.sort((one, other) => (String(rows[other].number) === state.wanted) - (String(rows[one].number) === state.wanted));
    select.replaceChildren(
      ...found.slice(0, MOST_LISTED).map((place) =>
        element('option', { value: String(place) }, `row ${rows[place].number}: ${rows[place].probability.toFixed(3)}${said(rows[place])}`),
      ),
    );
    count.textContent = `${found.length} of ${rows.length} rows${found.length > MOST_LISTED ? `; the first ${MOST_LISTED} are listed` : ''}.`;
    if (!found.length) return;
    if (!found.includes(state.row)) {
      state.row = found[0];
      show(true);
    }
    select.value = String(state.row);
  }

  function show(changed) {
    const row = rows[state.row];
    head.textContent = `Row ${row.number}: predicted probability ${shown(row.probability, 4)} (logit ${shown(row.logit)})${said(row)}.${names.length > MOST_BARS ? ` The ${MOST_BARS} largest effects of ${names.length} fields:` : ''}`;
    const order = [...names.keys()].sort((one, other) => Math.abs(row.effects[other]) - Math.abs(row.effects[one]));
    effectDrawing.show({ bars: order.slice(0, MOST_BARS).map((field) => bar(`${names[field]} = ${row.values[field]}`, row.effects[field])) });
    pairDrawing.show({ bars: row.pairs.map(([f, g, effect]) => bar(`${names[f]} \u00d7 ${names[g]}`, effect)) });
    if (matrix) showMap();
    if (changed) say(head.textContent);
  }

  function showMap() {
    const weight = heads.chosen((layer, head, f, g) => maps.at(state.row, layer, head, f, g));
    const fields = [...data.shown.keys()].slice(0, MOST_SHOWN);
    const called = data.shown.map((field) => names[field]);
    const values = rows[state.row].values;
    const full = (f) => `${called[f]} (${values[data.shown[f]]})`;
    const reference = () => data.uniform;
    matrix.show({
      fields,
      names: called,
      weight,
      reference,
      middle: data.uniform,
      reach: reachOf(called.length, weight, reference),
      sentence: (f, g) => `${full(f)} attends to ${full(g)}: ${shown(weight(f, g), 4)}; uniform is ${shown(data.uniform)}.`,
    });
  }
  list();
  show(false);
};
