// Draws the page, from its first chart to its last, and follows the theme and the place of the reader.

async function drawAll() {
  document.documentElement.dataset.theme = theme();
  document.documentElement.dataset.drawn = '';
  for (const drawing of report.drawings) await drawing.draw();
  document.documentElement.dataset.drawn = theme();
}

function followReader() {
  const links = [...document.querySelectorAll('nav a')];
  const targets = links.map((link) => document.querySelector(link.getAttribute('href')));
  const mark = () => {
    const passed = targets.filter((target) => target.getBoundingClientRect().top < innerHeight / 3).length;
    links.forEach((link, place) => {
      link.classList.toggle('here', place === Math.max(0, passed - 1));
      if (place === Math.max(0, passed - 1)) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    });
  };
  addEventListener('scroll', mark, { passive: true });
  mark();
}

// In the order of the page, so that what is seen first is drawn first.
for (const figure of document.querySelectorAll('main figure')) {
  const panel = report.panels[figure.id];
  if (panel) report.kinds[panel.kind](figure, panel.data);
  else new Drawing(figure.querySelector('.chart'), report.charts[figure.id]);
}
let drawing = Promise.resolve();
const drawAgain = () => (drawing = drawing.then(drawAll));
document.getElementById('theme').addEventListener('change', () => {
  drawAgain();
  say(`The theme is ${theme()}.`);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain);
followReader();
drawAgain();
