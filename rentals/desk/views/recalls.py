"""Recalls at the desk: those there were, one with whom to phone, and a new one that shows first what it will do."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import ngettext

from devices.models import Device, DeviceModel, Recall
from rentals.desk.forms.recalls import RecallForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.tables import RecallTable
from rentals.recall import look_at, preview_recall, recalls_seen_by, start_recall, with_numbers


class Recalls(BasePage):
    """All that concern a site that the reader sees, newest first."""

    action = "recalls.read"
    template = "rentals/desk/recalls.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        recalls = with_numbers(recalls_seen_by(self.actor), self.actor)
        return self.show(table=RecallTable(recalls, self.site).for_request(request))


class OneRecall(BasePage):
    """Where each unit is now, whom to phone, and what became of the reservations."""

    action = "recalls.read"
    template = "rentals/desk/recall.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        recall = get_object_or_404(recalls_seen_by(self.actor), pk=pk)
        affected = look_at(recall, at=self.now, actor=self.actor)
        forgotten = affected.still_in_issue
        again = notice_for(recall, forgotten) if forgotten else None
        return self.show(recall=recall, affected=affected, again=again)


def notice_for(recall: Recall, units: list[Device]) -> RecallForm:
    """The notice of `recall` once more, for `units` only."""
    serials = "\n".join(device.serial for device in units)
    return RecallForm(
        initial={"model": recall.model_id, "which": RecallForm.NAMED, "serials": serials, "reason": recall.reason}
    )


class StartRecall(BaseFormPage):
    """A recall, in two steps: a notice is shown with all that it would do, and sent again (`start`) it does it."""

    action = "recalls.start"
    template = "rentals/desk/recall_start.html"
    form_class = RecallForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "start" in request.POST:
            return super().post(request)
        form = self.make_form(request.POST)
        if "change" in request.POST:
            return self.show_form(form)
        return self.preview(form) if form.is_valid() else self.show_form(form, status=422)

    def preview(self, form: RecallForm) -> HttpResponse:
        given = form.cleaned_data
        found = preview_recall(model=given["model"], serials=given["serials"], at=self.now, actor=self.actor)
        return self.show(form=form, notice=given, affected=found, template="rentals/desk/recall_preview.html")

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        recalled = start_recall(**given, at=self.now, actor=self.actor)
        number = len(recalled.devices)
        said = ngettext(
            "The recall is started; %(number)s unit of yours may not go out any more.",
            "The recall is started; %(number)s units of yours may not go out any more.",
            number,
        ) % {"number": number}
        return self.go(reverse("recall", args=[recalled.recall.pk]), said)

    def context(self) -> dict[str, Any]:
        return {"models": DeviceModel.objects.exists(), "back": reverse("recalls")}
