'use strict';
// What every page does: it reads its data, draws charts in the chosen theme, and says what has changed.
// Text from the data reaches the page as text only, by `textContent` and by marks of charts.

const report = JSON.parse(document.getElementById('report-data').textContent);
report.kinds = {}; // {kind of a panel: the function that builds it}, filled by the scripts in panels/
report.drawings = []; // every chart of the page

/** Returns a new element with attributes; children are elements or texts. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Returns a labelled select; options are [value, text], and `changed` is called with the chosen value. */
function choice(label, options, changed) {
  const select = element('select', { 'aria-label': label });
  for (const [value, text] of options) select.append(element('option', { value }, text));
  select.addEventListener('change', () => changed(select.value));
  const whole = element('label', {}, label, select);
  whole.select = select;
  return whole;
}

/** Returns a labelled text field; `changed` is called with its text, in lower case, soon after a key is pressed. */
function search(label, changed) {
  const input = element('input', { type: 'search', 'aria-label': label, autocomplete: 'off', spellcheck: 'false' });
  let waiting;
  input.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => changed(input.value.trim().toLowerCase()), 120);
  });
  return element('label', {}, label, input);
}

/** Says a sentence to readers who do not see what has changed. */
function say(sentence) {
  document.getElementById('said').textContent = sentence;
}

/** Turns an array that `packed.py` packed into { shape, at(...indices) }. */
function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0));
  const steps = new DataView(bytes.buffer);
  const step = (packed.high - packed.low) / 65535;
  return {
    shape: packed.shape,
    at(...indices) {
      const place = indices.reduce((sum, index, axis) => sum * packed.shape[axis] + index, 0);
      return packed.low + step * steps.getUint16(2 * place, true);
    },
  };
}

/** Returns a number with three significant digits, with a true minus sign. */
function shown(number, digits = 3) {
  if (number === null || Number.isNaN(number)) return 'unknown';
  const size = Math.abs(number);
  const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? number.toExponential(digits - 1) : Number(number.toPrecision(digits)).toString();
  return text.replace(/-/g, '\u2212');
}

/** The name of the theme that the page is in: 'light' or 'dark'. */
function theme() {
  const chosen = document.getElementById('theme').value;
  return chosen || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
}

/** A chart: it can be drawn again in another theme, and keeps the rows and signals that it was given. */
class Drawing {
  constructor(host, spec) {
    Object.assign(this, { host, spec, rows: {}, signals: {}, view: null, drawn: () => {} });
    report.drawings.push(this);
  }

  async draw() {
    const name = theme();
    const states = this.view ? this.view.getState({ data: () => false, signals: (signal) => this.chosen.has(signal) }) : null;
    const made = await vegaEmbed(this.host, { ...this.spec, datasets: this.copies() }, {
      mode: 'vega-lite',
      actions: false,
      config: report.themes[name],
      renderer: 'svg',
      logLevel: 1, // errors only: an empty chart is no mistake
      tooltip: { theme: 'custom' },
      loader: { load: () => Promise.reject(new Error('a report asks for nothing')) },
    });
    if (this.view) this.view.finalize();
    this.view = made.view;
    // The signals that controls below a chart set.
    this.chosen = new Set((made.vgSpec.signals || []).filter((signal) => signal.bind).map((signal) => signal.name));
    if (states) this.view.setState(states);
    this.drawn(this.view);
    for (const [signal, value] of Object.entries(this.signals)) this.view.signal(signal, value);
    await this.view.runAsync();
  }

  /** The rows of all data sets, copied, because a chart writes into its rows. */
  copies() {
    return Object.fromEntries(Object.entries(this.rows).map(([data, rows]) => [data, rows.map((row) => ({ ...row }))]));
  }

  /** Sets the rows of data sets and the values of signals, and draws them. */
  async show(rows, signals = {}) {
    Object.assign(this.rows, rows);
    Object.assign(this.signals, signals);
    if (!this.view) return;
    for (const [data, of] of Object.entries(this.copies())) if (data in rows) this.view.data(data, of);
    for (const [signal, value] of Object.entries(signals)) this.view.signal(signal, value);
    await this.view.runAsync();
  }
}
