#!/usr/bin/env python3
"""Under which name a real Chromium saves each download.

  download_as.py CHROMIUM < URLS

URLS is a JSON list; printed is a JSON list of {"suggested": ..., "saved": [...], "content": ...}, one for each.
Speaks the DevTools protocol over a pipe (--remote-debugging-pipe), so it needs nothing but Python.
"""
import json
import os
import select
import subprocess
import sys
import tempfile
import time

TIMEOUT = 30  # seconds, for each download


class Browser:
    def __init__(self, chromium, profile):
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        # Chromium reads its file descriptor 3 and writes 4; neither must be one of the pipes' own numbers.
        def place():
            reading, writing = os.dup2(to_browser, 103), os.dup2(from_browser, 104)
            os.dup2(reading, 3)
            os.dup2(writing, 4)
            os.closerange(5, 256)

        flags = ['--headless=new', '--no-sandbox', '--no-first-run', '--no-proxy-server', '--disable-gpu', '--disable-dev-shm-usage',
                 '--disable-background-networking', '--disable-component-update', f'--user-data-dir={profile}', '--remote-debugging-pipe']
        self.process = subprocess.Popen([chromium, *flags, 'about:blank'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, preexec_fn=place, close_fds=False, env={**os.environ, 'HOME': profile})
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.last_id, self.events = b'', 0, []

    def message(self, deadline):
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.read_end], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.read_end, 1 << 16) if ready else b''
            if not data:
                raise TimeoutError('Chromium does not answer')
            self.buffer += data
        one, _, self.buffer = self.buffer.partition(b'\0')
        return json.loads(one)

    def call(self, method, **parameters):
        self.last_id += 1
        command = {'id': self.last_id, 'method': method, 'params': parameters}
        os.write(self.write_end, json.dumps(command).encode() + b'\0')
        deadline = time.monotonic() + TIMEOUT
        while True:
            message = self.message(deadline)
            if message.get('id') == self.last_id:
                if 'error' in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message['result']
            self.events.append(message)

    def wait_for(self, wanted):
        deadline = time.monotonic() + TIMEOUT
        while True:
            for event in self.events:
                if wanted(event):
                    self.events.clear()
                    return event['params']
            self.events = [self.message(deadline)]

    def close(self):
        try:
            self.call('Browser.close')
        except (TimeoutError, RuntimeError, OSError):
            self.process.kill()
        self.process.wait(timeout=TIMEOUT)


# In a tab of its own: Chromium closes a tab that has nothing but a download to show.
def download(browser, url):
    with tempfile.TemporaryDirectory() as directory:
        browser.call('Browser.setDownloadBehavior', behavior='allow', downloadPath=directory, eventsEnabled=True)
        browser.call('Target.createTarget', url=url)
        suggested = browser.wait_for(lambda event: event.get('method') == 'Browser.downloadWillBegin')['suggestedFilename']
        state = browser.wait_for(lambda event: event.get('method') == 'Browser.downloadProgress'
                                 and event['params']['state'] != 'inProgress')['state']
        saved = [os.path.relpath(os.path.join(path, name), directory) for path, _, names in os.walk(directory) for name in names]
        content = None
        if len(saved) == 1:
            with open(os.path.join(directory, saved[0]), encoding='latin-1') as file:
                content = file.read()
        return {'suggested': suggested, 'saved': saved, 'content': content, 'state': state}


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(sys.argv[1], profile)
        try:
            results = [download(browser, url) for url in json.load(sys.stdin)]
        finally:
            browser.close()
    print(json.dumps(results))


if __name__ == '__main__':
    main()
