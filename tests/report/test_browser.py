"""The report in a real browser: Chromium of the system, driven by Playwright.

apt-get install -y --no-install-recommends chromium
"""

import importlib.util
import re
import shutil

import numpy as np
import pytest
from made_findings import EVIL, made_findings

from autoint_jax.report import assembly
from autoint_jax.report.explanation.page import page

BROWSER = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason='no browser: apt-get install -y --no-install-recommends chromium'),
    pytest.mark.skipif(
        importlib.util.find_spec('playwright') is None, reason='no Playwright: pip install -r requirements.txt'
    ),
]
OPTIONS = (
    '--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update '
    '--disable-sync'
).split()
# What the keyboard must reach.
CONTROLS = 'a[href], select, input, button, [tabindex="0"]'


@pytest.fixture(scope='module')
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=BROWSER, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens findings as a page of 1280 x 800; what the page complains of and asks for is in `heard`."""
    tabs = []

    def open_page(findings, theme='light'):
        path = tmp_path / 'report.html'
        path.write_text(assembly.document(page(findings)), 'utf-8')
        tab = browser.new_page(viewport={'width': 1280, 'height': 800}, color_scheme=theme)
        tab.heard = []
        tab.on('console', lambda message: tab.heard.append(f'{message.type}: {message.text}'))
        tab.on('pageerror', lambda error: tab.heard.append(str(error)))
        tab.on('dialog', lambda dialog: (tab.heard.append(dialog.message), dialog.dismiss()))
        tab.on('request', lambda request: tab.heard.append(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_function('document.documentElement.dataset.drawn')
        assert tab.heard == [path.as_uri()]
        tab.heard.clear()
        tabs.append(tab)
        return tab

    yield open_page
    for tab in tabs:
        tab.wait_for_timeout(50)
        assert tab.heard == []
        tab.close()


def settled(tab):
    """Waits until searches have been answered and charts are drawn."""
    tab.wait_for_timeout(250)


def picture(tab, place):
    return tab.locator(f'{place} svg').first.evaluate('svg => svg.outerHTML')


def pictures(tab):
    """All pictures, without the numbers of their gradients and clips."""
    found = tab.evaluate("[...document.querySelectorAll('main svg')].map(svg => svg.outerHTML)")
    return [re.sub(r'(gradient_|clip)\d+', r'\1', one) for one in found]


def test_hostile_names_show_as_text_and_the_page_asks_for_nothing(opened):
    tab = opened(made_findings(5, 3, layers=1, evil=True))
    assert tab.locator('img').count() == 0 and tab.locator('main svg').count() == 18
    assert EVIL in tab.locator('main').inner_text() and EVIL in tab.locator('.facts').inner_text()
    assert EVIL in tab.locator('#row_panel .reading').inner_text()
    # Nothing is empty: every chart has marks.
    assert tab.evaluate("[...document.querySelectorAll('main svg')].every(svg => svg.getBBox().width > 100)")


@pytest.mark.slow
def test_every_control_changes_its_picture(opened):
    tab = opened(made_findings(6, 8, layers=2, evil=True))
    changes = [
        ('#attention_panel', 'Layer', '1'),
        ('#attention_panel', 'Head', '1'),
        ('#attention_panel', 'Rows', '2'),
        ('#attention_panel', 'Difference from', '1'),
        ('#attention_panel', 'Colours reach', 'all'),
        ('#attention_panel', 'Order of fields', 'strength'),
        ('#attention_panel', 'Order of fields', 'clustered'),
        ('#pairs', 'Order by', '0'),
        ('#row_panel .map', 'Layer', '0'),
        ('#row_panel .map', 'Head', '0'),
    ]
    for place, label, value in changes:
        before = picture(tab, place)
        tab.locator(place.split()[0]).get_by_label(label, exact=True).select_option(value)
        settled(tab)
        assert picture(tab, place) != before, (place, label)
    for place, text in (('#attention_panel', 'Field 3'), ('#pairs', 'field 4')):
        before = picture(tab, place)
        tab.locator(place).get_by_label('Fields with').fill(text)
        settled(tab)
        assert picture(tab, place) != before and EVIL[:8] not in picture(tab, place)
        tab.locator(place).get_by_label('Fields with').fill('nothing has this name')
        settled(tab)
        assert 'this text in' in tab.locator(place).inner_text()
    for place in ('#row_panel .row', '#row_panel .map'):
        before = picture(tab, place)
        tab.locator('#row_panel .list select').select_option(index=3 if place.endswith('row') else 5)
        settled(tab)
        assert picture(tab, place) != before


@pytest.mark.slow
def test_rows_are_found_by_number_and_by_value(opened):
    found = made_findings(4, 8)
    tab = opened(found)
    wanted = tab.locator('#row_panel').get_by_label('Row number, value, or field=value')
    listed = tab.locator('#row_panel .list select option')
    wanted.fill('34')
    settled(tab)
    assert listed.first.inner_text().startswith('row 34:')
    assert tab.locator('.prediction').inner_text().startswith('Row 34: predicted probability')
    value = found.rows[5].values[1]
    wanted.fill(f'field 2={value}')
    settled(tab)
    numbers = [row.number for row in found.rows if row.values[1] == value]
    assert [int(re.search(r'\d+', text)[0]) for text in listed.all_inner_texts()] == numbers
    wanted.fill('no row has this')
    settled(tab)
    assert tab.locator('#row_panel .list .note').inner_text() == '0 of 8 rows.'


@pytest.mark.slow
def test_the_theme_changes_every_picture_and_keeps_the_choice(opened):
    tab = opened(made_findings(4, 3))
    tab.locator('#attention_panel').get_by_label('Layer', exact=True).select_option('1')
    settled(tab)
    light, reading = tab.screenshot(), tab.locator('#attention_panel .reading').inner_text()
    before = pictures(tab)
    tab.get_by_label('Theme').select_option('dark')
    tab.wait_for_function("document.documentElement.dataset.drawn === 'dark'")
    after = pictures(tab)
    assert len(before) == len(after) and all(one != other for one, other in zip(before, after, strict=True))
    assert tab.screenshot() != light and tab.locator('#attention_panel .reading').inner_text() == reading
    assert tab.evaluate('getComputedStyle(document.body).backgroundColor') == 'rgb(16, 19, 24)'
    tab.get_by_label('Theme').select_option('light')
    tab.wait_for_function("document.documentElement.dataset.drawn === 'light'")
    assert pictures(tab) == before
    assert opened(made_findings(4, 3), theme='dark').evaluate('document.documentElement.dataset.theme') == 'dark'


@pytest.mark.slow
def test_arrow_keys_read_the_exact_weights(opened):
    found = made_findings(5, 3)
    tab = opened(found)
    mean = found.attention.groups[0].maps.mean((0, 1))
    frame, reading = tab.locator('#attention_panel .matrix'), tab.locator('#attention_panel .reading')
    frame.focus()
    cursor = [0, 1]
    for key, (down, across) in {
        'ArrowDown': (1, 0),
        'ArrowRight': (0, 1),
        'ArrowUp': (-1, 0),
        'ArrowLeft': (0, -1),
    }.items():
        tab.keyboard.press(key)
        cursor = [cursor[0] + down, cursor[1] + across]
        said = reading.inner_text()
        assert said.startswith(f'Field {cursor[0] + 1} attends to Field {cursor[1] + 1}: ')
        assert float(re.search(r': ([\d.]+),', said)[1]) == pytest.approx(mean[tuple(cursor)], abs=6e-5)
    tab.keyboard.press('End')
    tab.keyboard.press('PageDown')
    assert reading.inner_text().startswith('Field 5 attends to Field 5')
    assert reading.get_attribute('aria-live') == 'polite'
    cell = tab.locator('#attention_panel .mark-rect path').nth(7)  # row 2, column 3
    cell.scroll_into_view_if_needed()
    settled(tab)
    cell.hover(force=True)  # its number lies above it
    assert reading.inner_text().startswith('Field 2 attends to Field 3')


@pytest.mark.slow
def test_the_keyboard_alone_reaches_everything(opened):
    tab = opened(made_findings(4, 3))
    count = tab.locator(CONTROLS).count()
    tab.evaluate(f'document.querySelectorAll({CONTROLS!r}).forEach((one, place) => one.dataset.place = place)')
    reached = set()
    for press in range(count + 5):
        tab.keyboard.press('Tab')
        reached.add(tab.evaluate('document.activeElement.dataset.place'))
        outlined = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        assert outlined or tab.evaluate('document.activeElement === document.body')
    assert reached - {None} == {str(place) for place in range(count)} and count > 20
    tab.locator('#theme').focus()
    tab.keyboard.press('ArrowDown')
    tab.keyboard.press('ArrowDown')
    tab.wait_for_function("document.documentElement.dataset.drawn === 'dark'")
    names = tab.evaluate(
        "[...document.querySelectorAll('select, input')].filter(one => !one.labels.length && !one.ariaLabel).length"
    )
    assert names == 0


@pytest.mark.slow
def test_fifty_fields_are_readable(opened):
    tab = opened(made_findings(50, 4, layers=3))
    box = tab.locator('#attention_panel .matrix svg').bounding_box()
    assert box['height'] <= 800 and box['x'] + box['width'] <= 1280
    labels = tab.evaluate(
        """[...document.querySelectorAll('#attention_panel .matrix .role-axis-label text')].map(text => {
            const box = text.getBoundingClientRect();
            return [text.textContent, box.x, box.y, box.width, box.height, parseFloat(getComputedStyle(text).fontSize)];
        })"""
    )
    assert [label[0] for label in labels if label[4] < label[3]][-50:] == [
        f'Field {number + 1}' for number in range(50)
    ]
    assert len(labels) == 100 and min(label[5] for label in labels) >= 9
    places = np.array([[label[1], label[2]] for label in labels])
    sideways, downwards = places[50:], places[:50]
    if np.ptp(sideways[:, 1]) < np.ptp(downwards[:, 1]):
        sideways, downwards = downwards, sideways
    assert np.diff(np.sort(sideways[:, 1])).min() >= 11.5 and np.diff(np.sort(downwards[:, 0])).min() >= 11.5
    assert tab.evaluate('document.documentElement.scrollWidth') <= 1280
    assert (
        tab.evaluate("[...document.querySelectorAll('figure')].filter(one => one.scrollWidth > one.clientWidth + 1)")
        == []
    )
