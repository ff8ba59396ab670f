// The attention panel: mean attention of groups of rows, by layer and head, as a map of fields by fields.

report.kinds.attention = function (figure, data) {
  const { names, groups, uniform } = data;
  const maps = unpacked(data.maps); // [groups, layers, heads, f, g]
  const count = names.length;
  const state = { group: 0, order: 'schema', compared: 'uniform', scale: 'own', wanted: '' };
  const heads = new Heads(data.layers, maps.shape[2], () => show(true));
  const matrix = new FieldMatrix(figure, 'Attention');
  const list = element('ol', { class: 'strongest' });
  const listHead = element('h3');
  const note = element('p', { class: 'note' });

  const choose = (what) => (value) => {
    state[what] = value;
    show(true);
  };
  const orders = [['schema', 'as in the data'], ['strength', 'most attended first'], ['clustered', 'alike fields together']];
  const compared = [['uniform', `uniform weight, ${shown(uniform)}`], ...groups.map((group, place) => [String(place), group.name])];
  figure.querySelector('.controls').append(
    ...heads.controls,
    choice('Rows', groups.map((group, place) => [String(place), `${group.name} (${group.rows.toLocaleString('en')})`]), choose('group')),
    choice('Difference from', compared, choose('compared')),
    choice('Colours reach', [['own', 'as far as this map'], ['all', 'as far as every layer and head']], choose('scale')),
    choice('Order of fields', orders, choose('order')),
    search('Fields with', choose('wanted')),
  );
  const beside = element('div', { class: 'beside' }, listHead, list);
  const caption = figure.querySelector('figcaption');
  caption.before(matrix.reading, element('div', { class: 'map' }, matrix.frame, beside), note);

  const weightsOf = (group) => (layer, head, f, g) => maps.at(group, layer, head, f, g);

  function ordered(weight) {
    if (state.order === 'clustered') return data.clustered;
    const all = [...Array(count).keys()];
    if (state.order === 'schema') return all;
    const got = all.map((g) => all.reduce((sum, f) => sum + weight(f, g), 0));
    return all.sort((one, other) => got[other] - got[one]);
  }

  function show(changed) {
    const weight = heads.chosen(weightsOf(Number(state.group)));
    const againstUniform = state.compared === 'uniform';
    const reference = againstUniform ? () => uniform : heads.chosen(weightsOf(Number(state.compared)));
    let reach = reachOf(count, weight, reference);
    if (state.scale === 'all') {
      for (let layer = 0; layer < maps.shape[1]; layer += 1) {
        for (let head = 0; head < maps.shape[2]; head += 1) {
          const of = (group) => (f, g) => maps.at(group, layer, head, f, g);
          const against = againstUniform ? () => uniform : of(Number(state.compared));
          reach = Math.max(reach, reachOf(count, of(Number(state.group)), against));
        }
      }
    }
    const from = againstUniform ? 'uniform' : groups[state.compared].name;
    const sign = (number) => (number > 0 ? '+' : '') + shown(number, 2);
    const sentence = (f, g) =>
      `${names[f]} attends to ${names[g]}: ${shown(weight(f, g), 4)}, which is ${sign(weight(f, g) - reference(f, g))} from ${from}.`;
    const found = ordered(weight).filter((field) => names[field].toLowerCase().includes(state.wanted));
    const fields = found.slice(0, MOST_SHOWN);
    matrix.show({ fields, names, weight, reference, middle: againstUniform ? uniform : 0, reach, sentence });

    const cells = fields.flatMap((f) => fields.map((g) => ({ f, g, distance: weight(f, g) - reference(f, g) })));
    cells.sort((one, other) => Math.abs(other.distance) - Math.abs(one.distance));
    listHead.textContent = `Furthest from ${from}`;
    list.replaceChildren(
      ...cells.slice(0, 10).map(({ f, g, distance }) =>
        element('li', {}, `${names[f]} \u2192 ${names[g]} `, element('span', {}, `${shown(weight(f, g))} (${sign(distance)})`)),
      ),
    );
    const group = groups[state.group];
    const of = `${group.name}, ${group.rows.toLocaleString('en')} rows; ${heads.text}`;
    const hidden = found.length > fields.length ? ` Of ${found.length} fields, ${fields.length} are shown.` : '';
    note.textContent = `Shown: ${of}. Weights lie within ${shown(reach)} of the reference.${hidden}`;
    if (changed) say(`The map shows ${of}, for ${fields.length} fields.`);
  }
  show(false);
};
