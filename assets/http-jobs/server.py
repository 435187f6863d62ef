#!/usr/bin/env python3
"""A sample server for trunkline's HTTP jobs: a job is a program in a folder. docs/http-jobs.md describes the protocol."""
import argparse, fcntl, hashlib, hmac, json, os, re, shutil, signal, subprocess, tempfile, threading, time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FIELDS = ("sha", "previous_sha", "build", "kind", "environment", "service", "deployment", "by")
ADDRESS = re.compile(r"/runs/([a-z0-9][a-z0-9.-]{0,99})(?:(\?wait=|/log\?from=)([0-9]{1,15}))?")
# A run is a folder. Its shell, which outlives this server, has the run's lock as its input until it has written how the job ended.
SHELL = 'trap : TERM; echo $$ >"$1/pid" || exit; "$0" >"$1/log" 2>&1 </dev/null; echo $? >"$1/end"'

def read(path):
    return path.read_text(errors="replace").strip() if path.exists() else None

def when(path):
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat() if path.exists() else None

def lives(run):
    with open(run / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False

def look(run):
    """How a run stands is read from its files alone, so it is known after a restart, too. The lock first: it is freed last."""
    alive, pid, end, why = lives(run), read(run / "pid"), read(run / "end"), None
    if alive:
        state = "running" if pid else "queued"
    elif end == "0":
        state = "succeeded"
    elif (run / "cancel").exists():
        state, why = "cancelled", "it was asked to end"
    else:
        state, why = "failed", f"exit status {end}" if end else "its process was lost" if pid else "it was never started"
    return {"state": state, "says": read(run / "says") or why, "page": read(run / "page"), "step": read(run / "step"),
            "started_at": when(run / "pid") if pid else None, "ended_at": None if alive else when(run / "end")}

def job(asked):
    """The program and the environment of what is asked for."""
    program, values = options.jobs / asked["job"], {f"JOB_{field.upper()}": asked[field] for field in FIELDS}
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*", asked["job"]) or not os.access(program, os.X_OK) or program.is_dir():
        raise ValueError(f"there is no job {asked['job']!r}")
    for name, value in asked["inputs"].items():
        if not re.fullmatch("[A-Za-z0-9_]+", name) or not isinstance(value, str) or f"JOB_INPUT_{name.upper()}" in values:
            raise ValueError(f"the input {name!r} is no text, or its name is no name or there twice")
        values[f"JOB_INPUT_{name.upper()}"] = value
    values = {name: "" if value is None else str(value) for name, value in values.items()}
    if any(b"\0" in value.encode() for value in values.values()):
        raise ValueError("no program can be given a zero byte")
    return program, values

def start(run, asked, program, values):
    """The folder appears whole, locked, and only once: whoever made it starts the job, and nobody else ever does."""
    new = Path(tempfile.mkdtemp(dir=options.data, prefix="."))
    with open(new / "lock", "w") as lock, open(new / "body", "w") as body:
        fcntl.flock(lock, fcntl.LOCK_EX)
        body.write(json.dumps(asked))
        body.flush()
        os.fsync(body.fileno())
        try:
            new.rename(run)
        except OSError:
            return shutil.rmtree(new)
        os.fsync(options.data_file)
        environment = {**os.environ, **values, "JOB_RUN": run.name, "JOB_FOLDER": str(run)}
        shell = ["sh", "-c", SHELL, str(program), str(run)]
        process = subprocess.Popen(shell, cwd=options.jobs, env=environment, stdin=lock, start_new_session=True)
        threading.Thread(target=process.wait, daemon=True).start()
        return True

def stop(run):
    """Asks the job and all that it began to end, and ends them after ten seconds."""
    while lives(run) and not read(run / "pid"):
        time.sleep(0.01)
    for word in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + 10
        if lives(run):
            if word == signal.SIGKILL:  # its shell will not tell when it ended
                (run / "end").touch()
            os.killpg(int(read(run / "pid")), word)
        while lives(run) and time.monotonic() < until:
            time.sleep(0.1)

class Jobs(BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", 60, True

    def answer(self, status, body, kind="application/json", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        sized = {"Content-Type": kind, "Content-Length": len(body)} if status != 304 else {}
        for name, value in {**sized, **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        size, token = self.headers.get("Content-Length", "0"), self.headers.get("Authorization", "")
        if not re.fullmatch("[0-9]{1,5}", size) or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return self.answer(413, {"says": "a body has a length, of less than 100 kB"})
        body, address = self.rfile.read(int(size)), ADDRESS.fullmatch(self.path)
        if options.token and not hmac.compare_digest(token.encode(), b"Bearer " + options.token):
            return self.answer(401, {"says": "the token is missing or wrong"})
        if not address or (address[2] and self.command != "GET"):
            return self.answer(400, {"says": "there is no such address"})
        run, number = options.data / address[1], int(address[3] or 0)
        if self.command == "PUT":
            return self.put(run, body)
        if not run.exists():
            return self.answer(404, {"says": "there is no such run"})
        if self.command == "GET":
            return self.log(run, number) if address[2] == "/log?from=" else self.get(run, number)
        if lives(run):
            (run / "cancel").touch()
            threading.Thread(target=stop, args=[run], daemon=True).start()
        self.answer(202, {"says": "it was asked to end, or had ended"})

    do_PUT = do_GET = do_DELETE = serve

    def put(self, run, body):
        try:
            asked = json.loads(body)
            if not run.exists() and start(run, asked, *job(asked)):
                return self.answer(201, look(run))
        except (ValueError, LookupError, TypeError, AttributeError) as why:
            return self.answer(422, {"says": f"not started: {why}"})
        except OSError as why:
            return self.answer(500, {"says": f"not known whether it started: {why}"})
        if json.loads((run / "body").read_text()) != asked:
            return self.answer(409, {"says": "another run has this key"})
        self.answer(200, look(run))

    def get(self, run, wait):
        until = time.monotonic() + min(wait, 20)
        while True:
            body = json.dumps(look(run)).encode()
            tag = f'"{hashlib.sha256(body).hexdigest()}"'
            if tag != self.headers.get("If-None-Match"):
                return self.answer(200, body, ETag=tag)
            if time.monotonic() >= until:
                return self.answer(304, b"", ETag=tag)
            time.sleep(0.1)

    def log(self, run, start):
        ended, path = not lives(run), run / "log"
        with open(path if path.exists() else os.devnull, "rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(start)
            self.answer(200, log.read(1 << 20)[:max(size - start, 0)], "text/plain; charset=utf-8", Log_Size=size, Log_Ended=str(ended).lower())

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--jobs", type=Path, required=True, help="the folder of the programs that may be started")
arguments.add_argument("--data", type=Path, required=True, help="keeps what was started; without it a run could start twice")
arguments.add_argument("--port", type=int, default=0)
arguments.add_argument("--token-file", type=Path, help="without it, everybody on this machine may start jobs")
options = arguments.parse_args()
options.token = options.token_file and options.token_file.read_bytes().strip()
if options.token == b"":
    arguments.error("the token file is empty")
options.jobs, options.data = options.jobs.resolve(), options.data.resolve()
options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
options.data_file = os.open(options.data, os.O_RDONLY)
ThreadingHTTPServer.request_queue_size = 128
server = ThreadingHTTPServer(("127.0.0.1", options.port), Jobs)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
