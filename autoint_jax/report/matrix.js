// A map of fields by fields. Colours say how far a weight is from a reference, and a cursor that the mouse and the arrow
// keys move reads the weights.

const MOST_SHOWN = 60; // fields in a map

function matrixSpec() {
  const axis = (cursor) => ({
    title: null,
    labelLimit: 120,
    labelFontSize: { expr: 'cell < 13 ? 9.5 : 11' },
    labelFontWeight: { condition: { test: `datum.value === ${cursor}`, value: 'bold' }, value: 'normal' },
    labelOverlap: false,
  });
  const x = { field: 'column', type: 'nominal', sort: null, axis: { ...axis('cursorColumn'), orient: 'top', labelAngle: -90 } };
  const y = { field: 'row', type: 'nominal', sort: null, axis: axis('cursorRow') };
  const legend = {
    title: null,
    orient: 'bottom',
    direction: 'horizontal',
    gradientLength: 300,
    gradientThickness: 10,
    offset: 14,
    values: [-1, -0.5, 0, 0.5, 1],
    labelExpr: "replace(format(middle + datum.value * reach, middle ? '.3~f' : '+.3~f'), '-', '\u2212')",
  };
  return {
    description: 'A map of fields by fields. Arrow keys move over its cells.',
    params: [
      { name: 'cell', value: 20 },
      { name: 'middle', value: 0 },
      { name: 'reach', value: 1 },
      { name: 'cursorRow', value: '' },
      { name: 'cursorColumn', value: '' },
    ],
    width: { step: 20 },
    height: { step: 20 },
    data: { name: 'cells' },
    layer: [
      {
        mark: { type: 'rect', style: 'cell', aria: false, tooltip: null },
        encoding: {
          x,
          y,
          color: { field: 'share', type: 'quantitative', scale: { domain: [-1, 1], range: 'diverging', interpolate: 'lab' }, legend },
        },
      },
      ...[['<=', []], ['>', 'inverse']].map(([than, style]) => ({
        transform: [{ filter: `cell >= 40 && abs(datum.share) ${than} 0.65` }],
        mark: { type: 'text', fontSize: 11, aria: false, tooltip: null, style },
        encoding: { x, y, text: { field: 'text' } },
      })),
      { data: { name: 'cursor' }, mark: { type: 'rect', style: 'cursor', aria: false, tooltip: null, fillOpacity: 0 }, encoding: { x, y } },
    ],
  };
}

/** A map, its cursor, and the line that reads it. */
class FieldMatrix {
  /** Builds a map in `figure`, before its caption. `label` says what it is. */
  constructor(figure, label) {
    this.reading = element('p', { class: 'reading', 'aria-live': 'polite' });
    const chart = element('div', { class: 'chart' });
    this.frame = element(
      'div',
      { class: 'matrix', tabindex: '0', role: 'application', 'aria-label': `${label}. Arrow keys move over the cells, Home and End to the ends of a row.` },
      chart,
    );
    this.cursor = { row: 0, column: 0 };
    this.drawing = new Drawing(chart, matrixSpec());
    this.drawing.drawn = (view) => {
      view.addEventListener('mousemove', (event, item) => {
        if (item && item.datum && item.datum.place) this.moveTo(...item.datum.place);
      });
    };
    this.frame.addEventListener('keydown', (event) => this.key(event));
  }

  /**
   * Shows a map.
   * fields: numbers of the fields to show, in order; names: of all fields; weight(f, g); reference(f, g);
   * middle: the weight in the middle of the legend; reach: the largest distance from it that has a colour of its own;
   * sentence(f, g): reads a cell.
   */
  show({ fields, names, weight, reference, middle, reach, sentence }) {
    const moved = this.map && this.map.fields.length !== fields.length;
    if (!this.map || moved) this.cursor = { row: 0, column: Math.min(1, fields.length - 1) };
    this.map = { fields, names, sentence };
    const size = Math.max(12, Math.min(46, Math.floor(610 / Math.max(1, fields.length))));
    const cells = [];
    fields.forEach((f, down) => {
      fields.forEach((g, across) => {
        const distance = weight(f, g) - reference(f, g);
        const value = middle ? weight(f, g) : distance;
        cells.push({
          row: names[f],
          column: names[g],
          share: Math.max(-1, Math.min(1, distance / reach)),
          text: value.toFixed(3).replace(/^(-?)0\./, '$1.').replace('-', '\u2212'),
          place: [down, across],
        });
      });
    });
    this.drawing.show({ cells, ...this.marked() }, { cell: size, x_step: size, y_step: size, middle, reach, ...this.names() });
    this.read();
  }

  names() {
    const { fields, names } = this.map;
    if (!fields.length) return { cursorRow: '', cursorColumn: '' };
    return { cursorRow: names[fields[this.cursor.row]], cursorColumn: names[fields[this.cursor.column]] };
  }

  marked() {
    const { cursorRow, cursorColumn } = this.names();
    return { cursor: this.map.fields.length ? [{ row: cursorRow, column: cursorColumn }] : [] };
  }

  read() {
    const { fields, sentence } = this.map;
    this.reading.textContent = fields.length
      ? sentence(fields[this.cursor.row], fields[this.cursor.column])
      : 'No field has this text in its name.';
  }

  moveTo(row, column) {
    if (row === this.cursor.row && column === this.cursor.column) return;
    this.cursor = { row, column };
    this.drawing.show(this.marked(), this.names());
    this.read();
  }

  key(event) {
    const last = this.map.fields.length - 1;
    const { row, column } = this.cursor;
    const to = {
      ArrowUp: [Math.max(0, row - 1), column],
      ArrowDown: [Math.min(last, row + 1), column],
      ArrowLeft: [row, Math.max(0, column - 1)],
      ArrowRight: [row, Math.min(last, column + 1)],
      Home: [row, 0],
      End: [row, last],
      PageUp: [0, column],
      PageDown: [last, column],
    }[event.key];
    if (!to || last < 0) return;
    event.preventDefault();
    this.moveTo(...to);
  }
}

/** Controls that choose a layer and a head, and the weights of the choice. */
class Heads {
  /** `layers`: names of the layers; `changed` is called after a choice. */
  constructor(layers, heads, changed) {
    Object.assign(this, { layers, heads, layer: layers.length > 1 ? 'mean' : '0', head: heads > 1 ? 'mean' : '0' });
    const choose = (what) => (value) => {
      this[what] = value;
      changed();
    };
    const mean = (count) => (count > 1 ? [['mean', `mean of ${count}`]] : []);
    const numbered = Array.from({ length: heads }, (unused, head) => [String(head), `head ${head + 1}`]);
    this.controls = [
      choice('Layer', [...mean(layers.length), ...layers.map((name, layer) => [String(layer), name])], choose('layer')),
      choice('Head', [...mean(heads), ...numbered], choose('head')),
    ];
  }

  /** Turns weight(layer, head, f, g) into weight(f, g) of the chosen layer and head, or of their mean. */
  chosen(weight) {
    const of = (choice, count) => (choice === 'mean' ? [...Array(count).keys()] : [Number(choice)]);
    const layers = of(this.layer, this.layers.length);
    const heads = of(this.head, this.heads);
    return (f, g) => {
      let sum = 0;
      for (const layer of layers) for (const head of heads) sum += weight(layer, head, f, g);
      return sum / (layers.length * heads.length);
    };
  }

  /** The choice as a part of a sentence. */
  get text() {
    const layer = this.layer === 'mean' ? (this.layers.length > 1 ? `mean of ${this.layers.length} layers` : '') : this.layers[this.layer];
    const head = this.head === 'mean' ? `mean of ${this.heads} heads` : `head ${Number(this.head) + 1}`;
    return [layer, head].filter(Boolean).join(', ');
  }
}

/** Returns the largest distance of a map from its reference, over all fields; it is the reach of its colours. */
function reachOf(count, weight, reference) {
  let reach = 1e-9;
  for (let f = 0; f < count; f += 1) {
    for (let g = 0; g < count; g += 1) reach = Math.max(reach, Math.abs(weight(f, g) - reference(f, g)));
  }
  return reach;
}
