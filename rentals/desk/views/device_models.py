"""The device models of all sites, and whether the units of each may go from one patient to another (I3)."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.row_history import changes_of, version_of
from devices.models import Allowance, Device, DeviceModel
from devices.models_setup import add_model, change_model, sign_reuse_off
from rentals.desk.changes import ChangeInWords, in_words
from rentals.desk.forms.device_models import ChangeModelForm, ModelForm, SignReuseForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import Holding
from rentals.reuse import withdraw_and_replan

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

GONE = (Device.Condition.LOST, Device.Condition.SOLD, Device.Condition.RETIRED)
MOST_CHANGES = 50
LABELS: "dict[str, StrOrPromise]" = {
    "name": gettext_lazy("Name"),
    "part_number": gettext_lazy("Part number"),
    "maker": gettext_lazy("Maker"),
    "gtin": "GTIN",
    "nominal_treatments": gettext_lazy("Nominal treatments"),
    "minutes_per_treatment": gettext_lazy("Minutes per treatment"),
    "capacity_holder": gettext_lazy("What holds the treatments"),
    "turnaround_days": gettext_lazy("Turnaround (days)"),
    "reuse_signed_off_by": gettext_lazy("Reuse signed off by"),
    "reuse_signed_off_at": gettext_lazy("Reuse signed off at"),
    "reuse_text": gettext_lazy("Text of the sign-off"),
}


def with_numbers(models: QuerySet[DeviceModel]) -> QuerySet[Any]:
    """`models` with how many units there are of each, lost, sold and retired ones left out."""
    return models.annotate(units=Count("devices", filter=~Q(devices__condition__in=GONE)))


def counted_by_another_number(model: DeviceModel) -> int:
    """How many units count by another number of treatments than the model says now."""
    latest = Allowance.objects.filter(device=OuterRef("pk")).order_by("-number").values("nominal_treatments")[:1]
    units = model.devices.exclude(condition__in=GONE).annotate(counted_by=Subquery(latest))
    if model.nominal_treatments is None:
        return units.filter(counted_by__isnull=False).count()
    return units.exclude(counted_by=model.nominal_treatments, counted_by__isnull=False).count()


class DeviceModels(BasePage):
    """All models, with what each can deliver and whether reuse is signed off."""

    action = "settings.read"
    template = "rentals/desk/device_models.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(models=with_numbers(DeviceModel.objects.all()), back=reverse("settings"))


class AddModel(BaseFormPage):
    """One more model, not signed off for reuse."""

    action = "models.change"
    template = "rentals/desk/device_model_add.html"
    form_class = ModelForm

    def make_form(self, *data: Any) -> ModelForm:
        self.form = ModelForm(*data)
        return self.form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        model = add_model(self.form.facts())
        said = _("%(model)s is added. Until reuse is signed off, each of its units goes to one patient only.")
        return self.go(reverse("device-model", args=[model.pk]), said % {"model": model})

    def context(self) -> dict[str, Any]:
        return {"back": reverse("device-models")}


class BaseModelPage(BasePage):
    """A page about one model, which is the same for all sites; moments by the clock of the chosen one."""

    model: DeviceModel

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.model = get_object_or_404(DeviceModel, pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("device-model", args=[self.model.pk])


class OneModel(BaseModelPage):
    """What is known of a model, its sign-off, its units by site, and who changed what."""

    action = "settings.read"
    template = "rentals/desk/device_model.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        units = self.model.devices.filter(clinic__in=self.sites).exclude(condition__in=GONE)
        return self.show(
            model=self.model,
            units=units.values("clinic__name").annotate(number=Count("pk")).order_by("clinic__name"),
            counted_otherwise=counted_by_another_number(self.model),
            changes=self.changes(),
            back=reverse("device-models"),
        )

    def changes(self) -> list[ChangeInWords]:
        """Who changed what, in words."""
        changes = changes_of(DeviceModel, tuple(LABELS), most=MOST_CHANGES, pgh_obj=self.model)
        titles = {"insert": _("Added"), "update": _("Changed")}
        return [in_words(one, titles[one.deed], LABELS, self.site) for one in changes]


class ChangeModel(BaseModelPage, BaseFormPage):
    """What is known of a model, put right."""

    action = "models.change"
    template = "rentals/desk/device_model_change.html"

    def make_form(self, *data: Any) -> ChangeModelForm:
        self.form = ChangeModelForm(*data, model=self.model, version=version_of(self.model))
        return self.form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        model = change_model(self.model, self.form.facts(), read=given["read"])
        return self.go(self.address, _("%(model)s is changed.") % {"model": model})

    def context(self) -> dict[str, Any]:
        return {"model": self.model, "back": self.address}


class SignReuse(BaseModelPage, BaseFormPage):
    """Let the units of a model go to one patient after another."""

    action = "models.change"
    template = "rentals/desk/device_model_sign.html"
    form_class = SignReuseForm

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with timezone.override(self.site.zone):  # in which the moment is written
            return super().post(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        signed_at = given.pop("signed_at") or self.now
        sign_reuse_off(self.model, **given, signed_at=signed_at, at=self.now)
        return self.go(self.address, _("Reuse of %(model)s is signed off.") % {"model": self.model})

    def context(self) -> dict[str, Any]:
        return {"model": self.model, "back": self.address}


class WithdrawReuse(BaseModelPage, BaseFormPage):
    """Take the sign-off back, after a second look at what it means."""

    action = "models.change"
    template = "rentals/desk/device_model_withdraw.html"
    form_class = forms.Form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        repaired = withdraw_and_replan(self.model, at=self.now, actor=self.actor)
        moved = sum(len(one.moved) + len(one.placed) for one in repaired)
        at_risk = sum(len(one.at_risk) for one in repaired)
        said = _(
            "The sign-off is withdrawn. Moved to other devices: %(moved)s; without a device from now on: %(at_risk)s."
        )
        return self.go(self.address, said % {"moved": moved, "at_risk": at_risk})

    def context(self) -> dict[str, Any]:
        reserved = Holding.objects.filter(live=True, out=None, device__model=self.model)
        out = Holding.objects.filter(out__isnull=False, device=OuterRef("device"))
        had_another = Exists(out.exclude(rental__patient=OuterRef("rental__patient")))
        return {"model": self.model, "caught": reserved.filter(had_another).count(), "back": self.address}
