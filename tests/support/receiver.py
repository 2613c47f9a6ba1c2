# SPDX-License-Identifier: GPL-3.0-or-later
"""A small receiver of webhooks. In a test's own process (Receiver), or as a process that can be killed
(main): then each request is a line of JSON on standard output before it is answered."""
import json
import queue
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG = 'hang'    # never answers, until the receiver ends
CLOSE = 'close'  # closes without an answer


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # who was killed breaks connections


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def take(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        answer = self.server.take({
            'method': self.command,
            'path': self.path,
            'headers': {name.lower(): value for name, value in self.headers.items()},
            'body': body.decode('utf-8'),
        })
        if answer == HANG:
            self.server.ended.wait()
        if answer in (HANG, CLOSE):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer)
        if answer in (301, 302, 307):
            self.send_header('Location', '/redirected')
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET = take


class Receiver:
    """answer(request) gives a status, HANG or CLOSE; requests arrive on a queue before it is asked."""

    def __init__(self, answer=lambda request: 200, port=0):
        self.answer = answer
        self.requests = queue.Queue()
        self.server = Server(('127.0.0.1', port), Handler)
        self.server.ended = threading.Event()
        self.server.take = self._take
        self.port = self.server.server_address[1]
        self.url = 'http://127.0.0.1:%d' % self.port
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def _take(self, request):
        request['event'] = json.loads(request['body'])
        self.requests.put(request)
        return self.answer(request)

    def next(self, matches, deadline):
        """The next request that matches; those before it are dropped."""
        while True:
            request = self.requests.get(timeout=deadline)
            if matches(request):
                return request

    def stop(self):
        self.server.ended.set()
        self.server.shutdown()
        self.server.server_close()


def main():
    lock = threading.Lock()

    def take(request):
        with lock:
            print(json.dumps(request), flush=True)
        return 200

    server = Server(('127.0.0.1', int(sys.argv[1])), Handler)
    server.ended = threading.Event()
    server.take = take
    with lock:
        print(json.dumps({'port': server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
