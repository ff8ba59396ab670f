"""The page that compares runs, in a real browser; tests/report/test_browser.py says which."""

import pytest
from made_runs import figures, models_and_seeds, write_run
from test_browser import browser as browser
from test_browser import pytestmark as pytestmark

from autoint_jax.comparison.page import comparison_page
from autoint_jax.comparison.runs import runs_of_folders
from autoint_jax.comparison.settings import settings_of
from autoint_jax.report import assembly

EVIL = '<img src=x onerror=alert(1)>'


@pytest.mark.parametrize('theme', ['light', 'dark'])
def test_the_page_of_many_runs_is_drawn_without_a_complaint_or_a_request(browser, tmp_path, theme):
    runs = models_and_seeds(tmp_path, 2)
    for seed in range(2):
        runs.append(write_run(tmp_path / f'evil_{seed}', {'data.recipe': EVIL, 'seed': 0}, seed, figures('lr', seed)))
    path = tmp_path / 'comparison.html'
    path.write_text(assembly.document(comparison_page(settings_of(runs_of_folders(runs)), 'auc', EVIL)), 'utf-8')
    tab, heard = browser.new_page(viewport={'width': 1280, 'height': 800}, color_scheme=theme), []
    tab.on('console', lambda message: heard.append(f'{message.type}: {message.text}'))
    tab.on('pageerror', lambda error: heard.append(str(error)))
    tab.on('dialog', lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    tab.on('request', lambda request: heard.append(request.url))
    tab.goto(path.as_uri())
    tab.wait_for_function('document.documentElement.dataset.drawn')
    assert heard == [path.as_uri()]
    assert tab.locator('img').count() == 0 and EVIL in tab.locator('main').inner_text()
    assert tab.locator('main svg').count() == 4
    assert tab.evaluate("[...document.querySelectorAll('main svg')].every(svg => svg.getBBox().width > 100)")
    assert tab.evaluate('document.documentElement.scrollWidth <= innerWidth')
    drawn = tab.locator('#critical_difference svg').inner_html()
    assert 'critical difference' in drawn and 'dnn' in drawn
    before = tab.locator('#test_figures svg').evaluate('svg => svg.outerHTML')
    tab.locator('#theme').select_option('light' if theme == 'dark' else 'dark')
    tab.wait_for_function(f"document.documentElement.dataset.drawn == '{'light' if theme == 'dark' else 'dark'}'")
    assert tab.locator('#test_figures svg').evaluate('svg => svg.outerHTML') != before
    assert heard == [path.as_uri()]
    tab.close()
