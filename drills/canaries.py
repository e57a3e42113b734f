"""T14: a patient with words that nobody else has, at a desk that runs; then everything that it wrote down is searched.

Books, pays, hands over, imports, mails (taken, refused, put off, lost), the patient's own pages, refused verbs, wrong
addresses and a fault of the database; then logs, queue, files, mails' subjects, headers and links, and reasons given.
"""

import json
import re
import signal
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import redis

from config.embedded.layout import Layout, layout
from drills.person import Person
from drills.planted import hits, mail_texts, queue_texts, with_bodies
from drills.whole_rental import PARTS, WARNINGS, Api
from tests.running import CHECKOUT, Run, environment_of, eventually, free_port, servers_in
from tests.sink import Sink

SECONDS_TO_START = 600  # on a machine that has other things to do
DESK = {"method": "desk"}
MODES = ("550 at RCPT", "450 at RCPT", "accepted, then dropped", "accept")
# The clinic's mail leaves at any hour, and its doors are open every day.
NEVER_SLEEPS = """
from datetime import time
from config.models import Clinic, OpeningHours
Clinic.objects.update(reminders_from=time.min, reminders_until=time.max, quiet_when_closed=False, holiday_region="")
OpeningHours.objects.get_or_create(clinic=Clinic.objects.get(), weekday=6)
from tests import make
make.device_model(part_number="71034400")
"""
PLAN = """
from datetime import UTC, datetime
from rentals import tasks
from rentals.reminders import plan
tasks.poke(plan.plan_reminders(datetime.now(UTC)).messages)
"""
WHYS = """
from rentals.models import Message, MessageReport, Reminder, UsageImport, Discrepancy
for rows, columns in ((Message, ["why"]), (MessageReport, ["why", "key"]), (Reminder, ["why", "occasion"])):
    print(rows.__name__, list(rows.objects.values_list(*columns)))
"""
SENT = "from rentals.models import Message; print(*sorted(set(Message.objects.values_list('state', flat=True))))"
TASK = """
from config.celery import app
app.send_task("rentals.tasks.fetch_usage", ("Qanarypayer",), queue="{}")
"""
WHY = """
from rentals.models import Message
assert Message.objects.filter(pk=Message.objects.filter(state="failed")[0].pk).update(why="Qanarycontact")
"""
# What is planted where.
LEAKS = (
    ("what web, worker and scheduler said", "family name"),
    ("queue while tasks waited", "payer"),
    ("queue now", "payer"),
    ("file notes", "diagnosis"),
    ("mails: subjects, headers, addresses", "family name"),
    ("mails: subjects, headers, addresses", "given name"),
    ("mails: subjects, headers, addresses", "patient's own words"),
    ("mails: subjects, headers, addresses", "diagnosis"),
    ("addresses asked for and led to", "family name"),
    ("reasons kept of messages", "contact person"),
    ("command lines", "contact person"),
)
BREAK = "from django.db import connection; connection.cursor().execute('ALTER TABLE {} RENAME TO {}')"


def drill() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        state = Path(folder) / "var"
        for servers in servers_in(state):
            run = Run(state, free_port(), EMAIL_URL=f"smtp://127.0.0.1:{sink.port}")
            try:
                desk = Desk(run.until_ready(SECONDS_TO_START), state, sink)
                desk.live()
                return desk.figures(servers.layout)
            finally:
                run.stop(signal.SIGINT)
    raise AssertionError


class Desk:
    """A running desk, the patient who is planted there, and all that is written down meanwhile."""

    def __init__(self, run: Run, state: Path, sink: Sink) -> None:
        self.run, self.state, self.sink = run, state, sink
        self.root = f"http://localhost:{run.port}"
        time.sleep(1)  # the login is said after the address
        login = re.search(r"Login: (\w+) (\S+)", run.text)
        assert login, run.text
        self.login = login
        self.staff, self.patient = Person(self.root), Person(self.root)
        self.api = Api(self.root, self.command("api_token", "manager").strip())
        self.clinic = self.api.get("/clinics/")["results"][0]["id"]
        self.queue = redis.Redis.from_url(layout(state).redis_url(0))
        self.waiting: list[str] = []  # what the queue held while tasks waited
        self.beside: list[psutil.Process] = []  # whose command lines are read beside the desk's own

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=CHECKOUT,
            env=environment_of(self.state, self.run.port, EMAIL_URL=f"smtp://127.0.0.1:{self.sink.port}"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def shell(self, code: str) -> str:
        return self.command("shell", "-v", "0", "-c", code)

    def live(self) -> None:
        self.shell(NEVER_SLEEPS)
        self.staff.sign_in(*self.login.groups())
        for number, mode in enumerate(MODES):
            patient = self.register(number)
            reference = self.book(patient)
            self.sink.mode = mode
            self.tell()
        self.go_wrong(patient, reference)
        self.api.post(f"/rentals/{reference}/hand-over/", {"counter": 0, "parts": PARTS, "delivery": DESK})
        self.visit(reference)
        self.read_out()
        self.break_down(patient)
        self.fail_a_paper(reference)

    def register(self, number: int) -> int:
        """The same person again and again, with a contact person and a payer of their own."""
        person = {
            "given_name": "Qanarygiven",
            "family_name": "Qanaryfamily",
            "date_of_birth": "1961-07-23",
            "email": f"qanarymail{number}@patients.example",
            "phone": "+61 2 5550 7731",
            "clinic": self.clinic,
            "email_reminders": True,
        }
        if number:
            self.api.post("/patients/", person, expect=409)
        patient = int(self.api.post("/patients/", {**person, "confirm_new": True}, expect=201)["id"])
        contact = {"name": "Qanarycontact", "email": f"qanarymail-contact{number}@patients.example"}
        assert self.staff.fill_in(f"/patients/{patient}/contact/", **contact, receives="beside") == 200
        return patient

    def book(self, patient: int) -> str:
        """A rental that starts tomorrow, paid and signed; its first try without the screening."""
        starts_on = datetime.now(ZoneInfo("Australia/Sydney")).date() + timedelta(days=1)  # by the clinic's clock
        serial = f"1121{patient:06d}"
        device = {"serial": serial, "part_number": "71034400", "clinic": self.clinic, "condition": "ready"}
        self.api.post("/devices/", device, expect=201)
        booking: dict[str, Any] = {
            "patient": patient,
            "clinic": self.clinic,
            "starts_on": str(starts_on),
            "due_on": str(starts_on + timedelta(days=28)),
            "planned_treatments": 28,
            "prescribed_per_day": 1,
            "indication": {"kind": "delayed_union", "site": "fifth_metatarsal", "note": "Qanarynote"},
            "screening": {warning: {"answer": "no", "note": ""} for warning in WARNINGS.split()},
        }
        self.api.post("/rentals/", {**booking, "screening": {}}, expect=409)
        self.api.post("/rentals/", {**booking, "due_on": "Qanaryfamily"}, expect=400)
        rental = self.api.post("/rentals/", booking, expect=201)
        path = f"/rentals/{rental['reference']}"
        payer = {"name": "Qanarypayer", "email": f"qanarymail-payer{patient}@payers.example"}
        assert self.staff.fill_in(f"{path}/payer/", **payer) == 200
        signed = {"name": "Qanarygiven Qanaryfamily", "accepted_terms_version": rental["terms_version"]}
        self.api.post(f"{path}/sign/", signed)
        self.api.post(f"{path}/payments/", {"kind": "bond", "amount": rental["bond"]["due"], "method": "card"})
        return str(rental["reference"])

    def tell(self) -> None:
        """Have the mails about it poked for while no worker takes a task; look at the queue; then let them go."""
        with self.worker_asleep():
            self.shell(PLAN)
            assert eventually(lambda: bool(self.queue.llen("celery")), 30), "no task waits in the queue"
            self.waiting += queue_texts(self.queue)
        before = len(self.sink.recipients)
        eventually(lambda: not self.queue.llen("celery"), 60)
        taken = self.sink.mode in {"accept", "accepted, then dropped"}
        assert eventually(lambda: len(self.sink.recipients) > before, 60) or not taken, self.run.text[-3000:]
        time.sleep(2)  # the others of that patient

    @contextmanager
    def worker_asleep(self) -> Iterator[None]:
        worker = self.run.child("worker")
        sleepers = [worker, *worker.children(recursive=True)]
        for process in sleepers:
            process.suspend()
        try:
            yield
        finally:
            for process in sleepers:
                process.resume()

    def go_wrong(self, patient: int, reference: str) -> None:
        """Searches, refused verbs, and addresses that nothing stands behind."""
        self.api.post("/patients/search/", {"name": "Qanaryfamily"})
        self.staff.fill_in("/patients/", name="Qanaryfamily", date_of_birth="1961-07-23", phone="0255507731")
        assert "Qanaryfamily" in self.staff.page
        refused = {"reason": "Qanarynote", "counter": 0, "parts": PARTS, "notes": "Qanarynote"}
        for verb in ("return", "lost", "inspect", "extend", "swap"):
            status, _ = self.api.answer("POST", f"/rentals/{reference}/{verb}/", refused)
            assert status in {400, 409}, (verb, status)
        for address in ("/patients/999999/", "/rentals/NOPE/", "/nowhere/", "/my/", "/p/not-a-key/"):
            assert self.staff.see(address) in {200, 404}, address
        assert self.staff.see("/rentals/?search=Qanaryfamily") == 200
        for address in (f"/patients/{patient}/", f"/rentals/{reference}/", "/messages/", "/tasks/", "/"):
            assert self.staff.see(address) == 200, address

    def visit(self, reference: str) -> None:
        """The patient's own pages, from the link in the last mail; a wrong date of birth first."""
        link = self.link_in_a_mail()
        assert self.patient.fill_in(link, date_of_birth="1961-07-22") == 200
        assert self.patient.fill_in(link, date_of_birth="1961-07-23") == 200
        assert reference in self.patient.page
        for page in ("days", "care", "documents", "documents/statement", "return", "preferences", "healed"):
            assert self.patient.see(f"/my/{page}/") == 200, page
        assert self.patient.fill_in("/my/problem/", problem="other", words="Qanarywords") == 200
        assert self.patient.see("/my/documents/999999/") == 404
        assert self.patient.see("/my/nowhere/") == 404

    def link_in_a_mail(self) -> str:
        for mail in reversed(self.sink.mails):
            body = mail.get_body(("plain",))
            if body and (found := re.search(r"/p/[\w-]+/", body.get_content())):
                return found[0]
        raise AssertionError("no mail has a link to the patient's pages")

    def read_out(self) -> None:
        """Usage data whose lines name the patient where a serial or a number should stand."""
        readout = {"serial": "Qanaryfamily", "part_number": "71034400", "read_out_at": str(datetime.now(UTC))}
        status, _ = self.api.answer("POST", "/usage/imports/", {"readouts": [readout, {"Qanarygiven": 1}]})
        assert status in {202, 400}, status
        time.sleep(3)

    def break_down(self, patient: int) -> None:
        """A fault of the database in the middle of requests about the patient."""
        self.shell(BREAK.format("patients_contact", "patients_gone"))
        try:
            assert self.staff.see(f"/patients/{patient}/") == 500
            status, _ = self.api.answer("POST", "/patients/search/", {"name": "Qanaryfamily"})
            assert status in {200, 500}
        finally:
            self.shell(BREAK.format("patients_gone", "patients_contact"))

    def fail_a_paper(self, reference: str) -> None:
        """A receipt that cannot be made: the mail that it would go with is put off."""
        with self.worker_asleep():  # or the receipt would be made before its table is gone
            self.api.post(f"/rentals/{reference}/payments/", {"kind": "hire", "amount": "10.00", "method": "card"})
            self.shell(BREAK.format("rentals_paper", "papers_gone"))
        try:
            self.shell(PLAN)
            assert eventually(lambda: "the papers of message" in self.run.text, 60), self.run.text[-3000:]
        finally:
            self.shell(BREAK.format("papers_gone", "rentals_paper"))

    def sinks(self, places: Layout) -> dict[str, str]:
        """Everything that was written down, by where."""
        family = [psutil.Process(self.run.process.pid), *self.run.family(), *self.beside]
        return {
            "what web, worker and scheduler said": self.run.text,
            "queue while tasks waited": "\n".join(self.waiting),
            "queue now": "\n".join(queue_texts(self.queue)),
            **files_in(self.state, places),
            "mails: subjects, headers, addresses": "\n".join(mail_texts(self.sink.mails)),
            "addresses asked for and led to": "\n".join(self.staff.seen + self.patient.seen),
            "/readyz and /healthz": json.dumps(self.run.health()) + str(self.staff.see("/healthz")) + self.staff.page,
            "reasons kept of messages": self.shell(WHYS),
            "command lines": "\n".join(" ".join(process.cmdline()) for process in family),
        }

    def figures(self, places: Layout) -> dict[str, str]:
        states = self.shell(SENT).split()
        assert {"sent", "failed", "unknown"} <= set(states), states
        sinks = self.sinks(places)
        # The search for a rental by whatever was typed has what staff typed in its query: theirs, and not logged.
        sinks["addresses asked for and led to"] = sinks["addresses asked for and led to"].replace(
            "/rentals/?search=Qanaryfamily", ""
        )
        found = {where: hits(text) for where, text in sinks.items() if hits(text)}
        assert not found, found
        assert all(text for where, text in sinks.items() if not where.startswith("file")), "an empty sink shows nothing"
        planted = self.plant(places)
        return {
            "sinks": str(len(sinks)),
            "characters searched": str(sum(map(len, sinks.values()))),
            "mails": f"{len(self.sink.mails)}, messages {', '.join(states)}",
            "hits": "0",
            "leaks planted and found": f"{planted} of {planted}",
        }

    def plant(self, places: Layout) -> int:
        """The negative control: what is left in each place is found there."""
        self.staff.see("/nowhere/Qanaryfamily/")
        (self.state / "notes").write_text("Qanarynote")
        with self.worker_asleep():
            self.shell(TASK.format("celery") * 2)  # the first one goes to the worker, which asked before it fell asleep
            assert eventually(lambda: bool(self.queue.llen("celery")), 30)
            self.waiting += queue_texts(self.queue)
        self.shell(TASK.format("unread"))
        self.shell(WHY)
        self.mail_in_the_open()
        time.sleep(1)
        with self.process_named("Qanarycontact"):
            sinks = self.sinks(places)
        for where, what in LEAKS:
            assert what in hits(sinks[where]), f"a leak of the {what} into {where!r} is not found"
        return len(LEAKS)

    def mail_in_the_open(self) -> None:
        """A mail whose subject, headers, links and attachments say what only its body may."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = "Qanaryfamily is late", "desk@clinic.example", "a@b.example"
        mail["X-Patient"] = "Qanarygiven"
        mail.set_content("Please see https://desk.example/Qanarywords/")
        mail.add_attachment(b"", maintype="application", subtype="pdf", filename="Qanarynote.pdf")
        with smtplib.SMTP("127.0.0.1", self.sink.port) as server:
            server.send_message(mail)

    @contextmanager
    def process_named(self, word: str) -> Iterator[None]:
        """A process that has `word` in its command line."""
        with subprocess.Popen([sys.executable, "-c", "input()", word], stdin=subprocess.PIPE) as process:
            self.beside.append(psutil.Process(process.pid))
            yield
            process.kill()


def files_in(state: Path, places: Layout) -> dict[str, str]:
    """What stands in each file of the desk, the queue's own among them; not in the database's, nor in the usage files
    that people sent in, which are kept as they came."""
    return {
        f"file {path.relative_to(state)}": with_bodies(path.read_text(errors="replace"))
        for path in state.rglob("*")
        if path.is_file() and not {places.postgres_data, state / "media"} & set(path.parents)
    }
