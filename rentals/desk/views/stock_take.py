"""Stock-takes at the desk: scanning, ending a count, and what is done about each finding."""

import csv
from io import StringIO
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

from config.refusals import Refusal
from rentals import stock_take as counting
from rentals.desk.forms.stock_take import EndForm, ScanForm, SettleForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.stock_steps import with_steps
from rentals.fleet.exports import plain
from rentals.models import StockFinding, StockScan, StockTake

LAST_SHOWN = 10
MOST_TO_FIND = 100
ROWS_A_PAGE = 50
COLUMNS = ("finding", "code", "model", "why", "settled", "settled by", "note")


class StockTakes(BasePage):
    """The counts of the chosen site, and a new one."""

    action = "stock.read"
    template = "rentals/desk/stock_takes.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        takes = StockTake.objects.filter(clinic=self.site).select_related("clinic", "started_by", "ended_by")
        latest = with_numbers(takes).order_by("-started_at", "-pk")
        shown = Paginator(latest, ROWS_A_PAGE).get_page(request.GET.get("page"))
        return self.show(takes=shown, running=counting.running_at(self.site))


def with_numbers(takes: QuerySet[StockTake]) -> QuerySet[StockTake]:
    """Adds how many were `found`, `missing` and `unexpected`, and how many of these are `unsettled`."""
    kinds = StockFinding.Kind
    return takes.annotate(
        found=Count("findings", filter=Q(findings__kind=kinds.FOUND)),
        missing=Count("findings", filter=Q(findings__kind=kinds.MISSING)),
        unexpected=Count("findings", filter=Q(findings__kind=kinds.UNEXPECTED)),
        unsettled=Count("findings", filter=~Q(findings__kind=kinds.FOUND) & Q(findings__settled_at=None)),
    )


class StartStockTake(BasePage):
    """Begin to count at the chosen site, or go on with the count that is under way."""

    action = "stock.count"

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            begun = counting.start(self.site, at=self.now, actor=self.actor)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
            return self.go(reverse("stock-takes"))
        return self.go(reverse("stock-take", args=[begun.pk]))


class BaseStockTakePage(BasePage):
    """A page about one count, of a site of the user."""

    stock_take: StockTake

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        seen = StockTake.objects.visible_to(request.user).select_related("clinic", "started_by", "ended_by")  # type: ignore[arg-type]
        self.stock_take = get_object_or_404(seen, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("stock-take", args=[self.stock_take.pk])

    def progress(self) -> dict[str, Any]:
        """How far the count is, what was scanned last and what is still to be found."""
        to_find = counting.still_to_find(self.stock_take, self.now)
        return {
            "stock_take": self.stock_take,
            "progress": counting.progress_of(self.stock_take, self.now),
            "scans": self.stock_take.scans.select_related("device__model", "by")[:LAST_SHOWN],
            "to_find": to_find[:MOST_TO_FIND],
        }


class OneStockTake(BaseStockTakePage):
    """The scan field while the count goes on; afterwards what it found."""

    action = "stock.read"
    template = "rentals/desk/stock_take.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        if self.stock_take.ended_at:
            if self.request.htmx:
                return HttpResponseClientRefresh()  # somebody else has ended it
            return self.show(template="rentals/desk/stock_take_result.html", **self.result())
        template = "rentals/desk/stock_take_progress.html" if self.request.htmx else self.template
        return self.show(template=template, form=ScanForm(), **self.progress())

    def result(self) -> dict[str, Any]:
        findings = self.stock_take.findings.select_related(
            "device__model", "device__clinic", "settled_by", "stock_take"
        )
        odd = with_steps(findings.exclude(kind=StockFinding.Kind.FOUND), self.actor, self.now)
        kinds = (StockFinding.Kind.MISSING, StockFinding.Kind.UNEXPECTED)
        return {
            "stock_take": self.stock_take,
            "found": findings.filter(kind=StockFinding.Kind.FOUND).count(),
            "groups": [(kind.label, [row for row in odd if row[0].kind == kind]) for kind in kinds],
        }


class Scan(BaseStockTakePage):
    """One code, scanned or typed; the answer is said, and the field is ready for the next one."""

    action = "stock.count"
    template = "rentals/desk/stock_take.html"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        code = request.POST.get("code", "")
        try:
            scanned = counting.scan(self.stock_take, code, at=self.now, actor=self.actor)
        except Refusal as refusal:
            return self.answer(refusal.message, "alarm", code, status=refusal.status)
        return self.answer(scanned.words, "wait" if scanned.again or scanned.is_unexpected else "good")

    def answer(self, said: str, tone: str, code: str = "", status: int = 200) -> HttpResponse:
        form = ScanForm(initial={"code": code})
        template = "rentals/desk/stock_take_scanned.html" if self.request.htmx else self.template
        return self.show(template=template, form=form, said=said, tone=tone, status=status, **self.progress())


class UndoScan(BasePage):
    """A scan taken back."""

    action = "stock.count"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        takes = StockTake.objects.visible_to(self.actor)
        row = get_object_or_404(StockScan.objects.select_related("stock_take"), pk=pk, stock_take__in=takes)
        address = reverse("stock-take", args=[row.stock_take_id])
        try:
            counting.undo(row)
        except Refusal as refusal:
            messages.warning(request, refusal.message)
            return self.go(address)
        return self.go(address, _("%(scanned)s is taken off the count.") % {"scanned": row.device or row.code})


class EndStockTake(BaseStockTakePage, BaseFormPage):
    """The end of a count; what is missing is confirmed first."""

    action = "stock.count"
    template = "rentals/desk/stock_take_end.html"
    form_class = EndForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        counting.end(self.stock_take, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("The count has ended. What was found stands here for good."))

    def context(self) -> dict[str, Any]:
        return {"back": self.address, **self.progress()}


class SettleFinding(BaseFormPage):
    """What was done about a device that was missing or should not have been there."""

    action = "stock.settle"
    template = "rentals/desk/stock_take_settle.html"
    form_class = SettleForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        takes = StockTake.objects.visible_to(request.user)  # type: ignore[arg-type]
        findings = StockFinding.objects.filter(stock_take__in=takes).select_related("device__model", "stock_take")
        self.finding = get_object_or_404(findings, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        counting.settle(self.finding, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("Settled: %(code)s.") % {"code": self.finding.code})

    @property
    def address(self) -> str:
        return reverse("stock-take", args=[self.finding.stock_take_id])

    def context(self) -> dict[str, Any]:
        return {"finding": self.finding, "back": self.address}


class ExportStockTake(BaseStockTakePage):
    """The findings as CSV, UTF-8; no text of it runs as a formula."""

    action = "stock.read"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        file = StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in self.stock_take.findings.select_related("device__model", "settled_by"):
            writer.writerow(map(plain, line_of(one)))
        name = f"stock-take-{self.stock_take.clinic.day_of(self.stock_take.started_at)}.csv"
        return HttpResponse(
            file.getvalue(),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )


def line_of(finding: StockFinding) -> list[str]:
    model = finding.device.model.name if finding.device else ""
    settled = finding.settled_at.isoformat() if finding.settled_at else ""
    who = finding.settled_by.username if finding.settled_by else ""
    return [finding.kind, finding.code, model, finding.why, settled, who, finding.note]
