"""A real SMTP server on loopback that takes mail, or fails in a way to order; what it took is the truth."""

import asyncio
import logging
import socket
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

SLOW_SECONDS = 3.0


class _Server(SMTP):
    def connection_made(self, transport: Any) -> None:
        sink: Sink = self.event_handler
        if sink.mode == "421 at connect":
            transport.write(b"421 4.3.2 too busy\r\n")
            transport.close()
        elif sink.mode == "no greeting":
            sink.silent.append(transport)
        elif sink.mode == "554 at connect":
            transport.write(b"554 5.3.2 no service here\r\n")
            transport.close()
        else:
            super().connection_made(transport)

    async def smtp_EHLO(self, hostname: str) -> None:
        if self.event_handler.mode == "550 at EHLO":
            await self.push("550 5.7.1 not for you")
        else:
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        await self.smtp_EHLO(hostname)

    async def smtp_DATA(self, arg: str) -> None:
        if self.event_handler.mode == "451 at DATA":
            await self.push("451 4.3.0 try later")
        else:
            await super().smtp_DATA(arg)


class Sink:
    """Takes mail while `mode` is `accept`, else fails as the mode says.

    It waits `delay` seconds before it accepts a body, and as long again before it says so.
    """

    def __init__(self, delay: float = 0) -> None:
        self.mode = "accept"
        self.delay = delay
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.senders: list[str] = []  # of the envelopes
        self.silent: list[Any] = []  # connections that nobody greets
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.factory = lambda: _Server(self, hostname="sink.example", loop=self._controller.loop)

    def __enter__(self) -> "Sink":
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # it would tell every address
        self._controller.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._controller.stop()

    @property
    def message_ids(self) -> Counter[str]:
        return Counter(str(mail["Message-ID"]) for mail in self.mails)

    async def handle_RCPT(self, server: _Server, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.mode == "dropped at RCPT":
            server.transport.abort()
        if self.mode == "slow at RCPT":
            await asyncio.sleep(SLOW_SECONDS)
        if self.mode == "450 at RCPT":
            return f"450 4.2.1 mailbox of <{address}> is busy"
        if self.mode == "550 at RCPT":
            return f"550 5.1.1 <{address}> is unknown here"
        if self.mode == "550 relay at RCPT":
            return "550 relay not permitted"
        if self.mode == "550 5.7.1 at RCPT":
            return "550 5.7.1 we take nothing from you"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: _Server, session: Any, envelope: Any) -> str:
        await asyncio.sleep(self.delay)
        if self.mode == "451 to the body":
            return "451 4.3.0 try later"
        if self.mode == "552 to the body":
            return "552 5.3.4 too big"
        mail = message_from_bytes(envelope.content, policy=SMTP_POLICY)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.extend(envelope.rcpt_tos)
        self.senders.append(envelope.mail_from)
        await asyncio.sleep(self.delay)
        if self.mode == "accepted, then dropped":
            server.transport.abort()
        if self.mode == "accepted, then slow":
            await asyncio.sleep(SLOW_SECONDS)
        if self.mode == "accepted, then nonsense":
            return "hello there"
        if self.mode == "accepted, then a line too long":
            return "250 " + "x" * 9000
        return "250 OK"
