#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""look.py [DIR]: /docs in a real browser: screenshots light and dark, wide and 360 pixels narrow, and checks that
a person with a keyboard or a screen reader would make. Needs Debian's chromium, chromium-driver and
python3-selenium; without them it is skipped, under CI it fails."""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import whimtest as w

PICTURES = sys.argv[1] if len(sys.argv) > 1 else None
WIDE, NARROW = (1280, 900), (360, 740)


def require_browser():
    try:
        import selenium  # noqa: F401
        if shutil.which('chromium') and shutil.which('chromedriver'):
            return
    except ImportError:
        pass
    if os.environ.get('CI'):
        print('Bail out! chromium, chromium-driver or python3-selenium is missing')
        sys.exit(1)
    print('1..0 # SKIP there is no browser')
    sys.exit(0)


def open_browser(scratch, size, dark):
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    options = Options()
    options.binary_location = '/usr/bin/chromium'
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
                     '--disable-background-networking', '--disable-component-update',
                     '--disable-sync', '--hide-scrollbars', '--force-device-scale-factor=1',
                     '--user-data-dir=' + os.path.join(scratch.path, 'profile-%d-%d' % (size[0], dark))):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    service = Service('/usr/bin/chromedriver', env={**os.environ, 'HOME': scratch.path})
    driver = webdriver.Chrome(service=service, options=options)
    scratch.add(driver, driver.quit)
    driver.set_page_load_timeout(w.DEADLINE)
    # headless windows are wider than a phone; the metrics of the page are what counts
    driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
        'width': size[0], 'height': size[1], 'deviceScaleFactor': 1, 'mobile': size[0] < 500})
    driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {
        'features': [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'},
                     {'name': 'prefers-reduced-motion', 'value': 'reduce'}]})
    return driver


def hosts(driver):
    """Every address that the page asked for."""
    found = set()
    for entry in driver.get_log('performance'):
        message = json.loads(entry['message'])['message']
        url = message['params'].get('request', {}).get('url', '')
        # the browser's own first page is not ours
        if message['method'] == 'Network.requestWillBeSent' and not url.startswith(('chrome', 'data:')):
            found.add('/'.join(url.split('/')[:3]))
    return found


def check_page(driver):
    run = driver.execute_script
    w.equal([e for e in driver.get_log('browser') if e['level'] == 'SEVERE'
             and 'favicon' not in e['message']], [], 'errors of the page')
    w.check(run('return document.documentElement.scrollWidth <= innerWidth + 1'), 'it scrolls sideways')
    w.equal(run('''return [...document.querySelectorAll('input,textarea,button,nav')].filter((e) =>
        !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).length'''), 0,
            'controls without a name')
    w.equal(run('''const ids = [...document.querySelectorAll('[id]')].map((e) => e.id)
        return ids.length - new Set(ids).size'''), 0, 'ids that stand twice')
    w.equal(run('''let last = 0
        return [...document.querySelectorAll('h1,h2,h3,h4')].filter((h) => h.checkVisibility()).map((h) =>
          Number(h.tagName[1])).filter((level) => { const skips = level > last + 1; last = level; return skips })'''),
            [], 'headings that skip a level')
    w.equal(run('return document.documentElement.lang'), 'en', 'language')
    w.check(run('return document.querySelectorAll("main").length === 1'), 'one main')


CONTRAST = '''
const parse = (c) => c.match(/[\\d.]+/g).map(Number)
const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4 }
  return .2126 * f(r) + .7152 * f(g) + .0722 * f(b) }
const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor)
  if (c.length < 4 || c[3] > .99) return c } return [255, 255, 255] }
const low = []
for (const e of document.querySelectorAll('main *, nav *, header *')) {
  if (!e.checkVisibility() || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue
  const a = light(parse(getComputedStyle(e).color)), b = light(behind(e))
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
  if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.trim().slice(0, 30), Math.round(ratio * 100) / 100])
}
return low'''


def picture(driver, name):
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        driver.save_screenshot(os.path.join(PICTURES, name + '.png'))


def open_docs(scratch, size, dark):
    daemon = scratch.daemon(scratch.sandbox())
    driver = open_browser(scratch, size, dark)
    driver.get(daemon.url + '/docs')
    return daemon, driver


def open_operation(driver, name):
    driver.execute_script('location.hash = ""; location.hash = arguments[0]', name)
    driver.execute_async_script('requestAnimationFrame(() => requestAnimationFrame(arguments[0]))')


def looks(size, dark):
    def test(scratch):
        daemon, driver = open_docs(scratch, size, dark)
        check_page(driver)
        name = '%s-%s' % ('dark' if dark else 'light', 'wide' if size == WIDE else 'narrow')
        picture(driver, name)
        open_operation(driver, 'messagesText')
        check_page(driver)
        w.equal(driver.execute_script(CONTRAST), [], 'texts that are hard to read')
        picture(driver, name + '-operation')
        w.equal(hosts(driver), {daemon.url}, 'requests leave the host')
    test.__name__ = 'looks_%s_%d' % ('dark' if dark else 'light', size[0])
    return test


def keyboard(scratch):
    """From the first Tab to an answer of the daemon, without a mouse."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait
    daemon, driver = open_docs(scratch, WIDE, False)
    active = lambda: driver.switch_to.active_element
    driver.find_element(By.TAG_NAME, 'body').send_keys(Keys.TAB)
    w.equal(active().text, 'Skip to the operations', 'the first stop')
    driver.find_element(By.TAG_NAME, 'body').send_keys('/')
    w.equal(active().get_attribute('id'), 'search', '/ leads to the search')
    active().send_keys('get list of all channels')
    status = driver.find_element(By.ID, 'found')
    w.equal(status.text, '1 operation', 'told to a screen reader')
    w.equal(status.get_attribute('aria-live'), 'polite', 'told to a screen reader')
    driver.execute_script('document.getElementById("key").focus()')
    active().send_keys(daemon.key)
    summary = driver.find_element(By.CSS_SELECTOR, '#channelsList > summary')
    driver.execute_script('arguments[0].focus()', summary)
    active().send_keys(Keys.ENTER)
    WebDriverWait(driver, w.DEADLINE).until(
        lambda d: d.find_elements(By.CSS_SELECTOR, '#channelsList .go'))
    curl = driver.find_element(By.CSS_SELECTOR, '#channelsList pre').text
    w.check(daemon.url + '/channels' in curl and '$KEY' in curl and daemon.key not in curl,
            'the curl command: ' + curl)
    button = driver.find_element(By.CSS_SELECTOR, '#channelsList .go')
    driver.execute_script('arguments[0].focus()', button)
    w.check(driver.execute_script('return getComputedStyle(arguments[0]).outlineStyle', button) != 'none',
            'the focus can be seen')
    active().send_keys(Keys.ENTER)
    answer = driver.find_element(By.CSS_SELECTOR, '#channelsList .try pre')
    WebDriverWait(driver, w.DEADLINE).until(lambda d: answer.text.startswith('200'))
    w.check('"success": true' in answer.text, 'the answer')
    driver.execute_script('document.getElementById("search").focus()')
    active().send_keys(Keys.ESCAPE)
    w.equal(driver.find_element(By.ID, 'found').text, '', 'the search is over')
    theme = driver.find_element(By.ID, 'theme')
    theme.send_keys(Keys.SPACE)
    w.equal(theme.get_attribute('aria-pressed'), 'true', 'dark')


def reader(scratch):
    """What a screen reader is told: the tree of names and roles."""
    daemon, driver = open_docs(scratch, WIDE, False)
    open_operation(driver, 'messagesText')
    tree = driver.execute_cdp_cmd('Accessibility.getFullAXTree', {})['nodes']
    named = [(n.get('role', {}).get('value'), n.get('name', {}).get('value', '')) for n in tree
             if not n.get('ignored')]
    for wanted in (('navigation', 'Operations'), ('searchbox', 'Search operations'),
                   ('heading', 'WhatsApp for your programs'), ('textbox', 'Your API key')):
        w.check(wanted in named, 'nobody is told of %r' % (wanted,))
    w.check(any(role == 'button' and name.startswith('Copy the curl command') for role, name in named),
            'the copy button')
    unnamed = [role for role, name in named if role in ('button', 'link', 'textbox', 'searchbox')
               and not name.strip()]
    w.equal(unnamed, [], 'controls without a name')


require_browser()
w.run([looks(WIDE, False), looks(WIDE, True), looks(NARROW, False), looks(NARROW, True), keyboard, reader])
