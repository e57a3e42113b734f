"""Reports about mails, as mail servers write them, and a mailbox to take them from: a small real IMAP server."""

import re
import socketserver
import threading
from types import TracebackType

DSN = """\
Return-Path: <>
Received: from mx.example by mail.clinic.example; {date}
Date: {date}
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered to ada@patients.example.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: {date}

Final-Recipient: rfc822; ada@patients.example
Action: {action}
Status: {status}
Diagnostic-Code: {diagnosis}

--b
Content-Type: message/rfc822

From: Callus <desk@clinic.example>
To: ada@patients.example
Subject: Your hire
{quoted}

Hello Ada.
--b--
"""

ARF = """\
Date: {date}
From: <feedback@isp.example>
To: abuse@clinic.example
Subject: FW: Your hire
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: {to}

--b
Content-Type: text/rfc822-headers

From: Callus <desk@clinic.example>
{quoted}

--b--
"""

DATE = "Mon, 30 Mar 2026 09:05:00 +1100"


def dsn(
    to: str, *, action: str = "failed", status: str = "5.1.1", diagnosis: str = "smtp; 550 5.1.1 <a@b> unknown",
    quoted: str = "X-Nothing: said", date: str = DATE,
) -> bytes:  # fmt: skip
    """A delivery status (RFC 3464) sent to the envelope's sender `to`, which quotes the headers `quoted`."""
    values = {"to": to, "action": action, "status": status, "diagnosis": diagnosis, "quoted": quoted, "date": date}
    return DSN.format(**values).replace("\n", "\r\n").encode()


def arf(to: str, *, feedback: str = "abuse", quoted: str = "X-Nothing: said") -> bytes:
    """A complaint (RFC 5965) about the mail whose envelope's sender was `to`."""
    return ARF.format(to=to, feedback=feedback, quoted=quoted, date=DATE).replace("\n", "\r\n").encode()


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of IMAP4rev1 as taking mail needs. `mails` by their lasting number; `flags` of each, changed by the
    client; `refuses` the login when it is set."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: dict[int, bytes] = {}
        self.flags: dict[int, set[str]] = {}
        self.refuses = False
        self.said: list[str] = []
        self.url = f"imap://desk:p%40ss@127.0.0.1:{self.server_address[1]}/INBOX"

    def __enter__(self) -> "Mailbox":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()

    def put(self, raw: bytes) -> int:
        number = max([*self.flags, 100]) + 1
        self.mails[number], self.flags[number] = raw, set()
        return number


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.say("* OK ready")
        for line in self.rfile:
            tag, command = line.decode().strip().split(" ", 1)
            self.server.said.append(command)
            verb, _, rest = command.removeprefix("UID ").partition(" ")
            done = getattr(self, f"do_{verb.lower()}", lambda _: "OK done")(rest)
            self.say(f"{tag} {done}")
            if verb == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def do_capability(self, _: str) -> str:
        self.say("* CAPABILITY IMAP4rev1")
        return "OK done"

    def do_login(self, rest: str) -> str:
        return "OK in" if rest == 'desk "p@ss"' and not self.server.refuses else "NO [AUTHENTICATIONFAILED] no"

    def do_select(self, rest: str) -> str:
        self.say(f"* {len(self.server.mails)} EXISTS")
        return "OK [READ-WRITE] in" if rest == '"INBOX"' else "NO no such folder"

    def do_search(self, _: str) -> str:
        new = [str(number) for number, flags in self.server.flags.items() if not flags & {"\\Seen", "\\Deleted"}]
        self.say(" ".join(["* SEARCH", *new]))
        return "OK done"

    def do_fetch(self, rest: str) -> str:
        number = int(rest.split()[0])
        raw = self.server.mails[number][: int(re.search(r"<0\.(\d+)>", rest)[1])]
        self.wfile.write(f"* 1 FETCH (UID {number} BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")
        return "OK done"

    def do_store(self, rest: str) -> str:
        number, _, flags = rest.split(" ", 2)
        self.server.flags[int(number)].update(flags.strip("()").split())
        return "OK done"

    def do_expunge(self, _: str) -> str:
        for number, flags in self.server.flags.items():
            if "\\Deleted" in flags:
                self.server.mails.pop(number, None)
        return "OK done"
