"""What the mail about a month says: the main figures, one chart, and the whole report as PDF. It names no patient."""

from datetime import datetime, timedelta
from email.mime.image import MIMEImage
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from rentals.fleet.charts import Chart, charts_of, pixels
from rentals.fleet.definitions import DEFINITIONS
from rentals.fleet.exports import as_pdf, file_name, shown
from rentals.fleet.figures import Figures, figures_of_scope
from rentals.fleet.scope import Scope
from rentals.models import MonthlyReport
from rentals.papers.words import LANGUAGE

CHART_ID = "chart@callus"
MAIN = (
    "treatments_delivered",
    "utilisation_percent",
    "adherence_percent",
    "free",
    "runway_weeks",
    "units_to_buy",
    "cards_to_order",
    "buy_by",
    "overdue",
    "turnaround_median",
    "lost",
    "income",
    "spent",
)


def write_mail(report: MonthlyReport, at: datetime) -> EmailMultiAlternatives:
    """The mail to the manager of `report` about the sites that he or she sees, as things stand at `at`. In English, as
    the report that it brings."""
    with translation.override(LANGUAGE):
        return mail_of(report, at)


def mail_of(report: MonthlyReport, at: datetime) -> EmailMultiAlternatives:
    figures = figures_of_month(report, at)
    chart = next(iter(charts_of(figures)), None)
    facts = facts_of(report, figures, chart)
    mail = EmailMultiAlternatives(
        subject=f"Fleet report for {report.month:%B %Y}",
        body=render_to_string("rentals/fleet/monthly.txt", facts),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[report.user.email],
        headers={"Message-ID": report.message_id, "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(render_to_string("rentals/fleet/monthly.html", facts), "text/html")
    if chart:
        mail.attach(picture(chart))
    mail.attach(file_name(figures, "pdf"), as_pdf(figures), "application/pdf")
    return mail


def figures_of_month(report: MonthlyReport, at: datetime) -> Figures:
    last = (report.month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return figures_of_scope(Scope(tuple(report.user.visible_clinics()), report.month, last, at))


def facts_of(report: MonthlyReport, figures: Figures, chart: Chart | None) -> dict[str, Any]:
    by_name = {definition.name: definition for definition in DEFINITIONS}
    question = urlencode({"from": figures.first.isoformat(), "to": figures.last.isoformat()})
    return {
        "title": figures.title,
        "month": f"{report.month:%B %Y}",
        "figures": [(by_name[name], shown(getattr(figures, name))) for name in MAIN],
        "chart": chart,
        "chart_id": CHART_ID,
        "address": f"{settings.PUBLIC_URL}{reverse('fleet')}?{question}",
    }


def picture(chart: Chart) -> MIMEImage:
    """The chart, for the mail to show in its text."""
    image = MIMEImage(pixels(chart), "png")
    image.add_header("Content-ID", f"<{CHART_ID}>")
    image.add_header("Content-Disposition", "inline", filename=f"{chart.name}.png")
    return image
