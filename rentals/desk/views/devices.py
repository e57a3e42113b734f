"""Devices at the desk: the list, one with everything about it, readings, inspections, a new one."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters import CharFilter, ChoiceFilter, FilterSet

from devices.models import Device, DeviceModel, DeviceQuerySet
from devices.register import add_device
from patients.models import Access
from rentals.booking.capacity import AVAILABILITIES, with_availability, with_capacity
from rentals.booking.offers import poke_offers
from rentals.custody import TO_INSPECT
from rentals.desk import code_words
from rentals.desk.device_story import device_story
from rentals.desk.forms.devices import AddDeviceForm, DatesForm, ReadingForm, SendForm
from rentals.desk.life import life_of, with_its_life
from rentals.desk.outlook import picture
from rentals.desk.page import BaseFormPage, BasePage
from rentals.desk.tables import DeviceTable
from rentals.device_dates import set_dates
from rentals.models import Discrepancy, Rental
from rentals.models.states import State
from rentals.overview import with_overview
from rentals.reconciliation.forecast import forecasts_of
from rentals.reconciliation.readings import take_reading
from rentals.templatetags.devices import doubt
from rentals.transfer import send

MOST_SHOWN = 20


class DeviceFilter(FilterSet):
    search = CharFilter(field_name="serial", lookup_expr="icontains", label=gettext_lazy("Serial"), max_length=40)
    condition = ChoiceFilter(
        choices=Device.Condition.choices, label=gettext_lazy("Condition"), empty_label=gettext_lazy("Any condition")
    )
    availability = ChoiceFilter(
        choices=[(name, code_words.AVAILABILITIES[name]) for name in AVAILABILITIES],
        empty_label=gettext_lazy("Any availability"),
        label=gettext_lazy("Availability"),
    )

    class Meta:
        model = Device
        fields: list[str] = []


def with_figures(devices: DeviceQuerySet, page: BasePage) -> DeviceQuerySet:
    """`devices` with what each has left and where it stands at the moment of the page."""
    return with_availability(with_capacity(devices.select_related("model", "clinic")), page.now)


class Devices(BasePage):
    """The devices of the chosen site."""

    action = "devices.read"
    template = "rentals/desk/devices.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        narrowed = DeviceFilter(request.GET, with_figures(Device.objects.filter(clinic=self.site), self))
        right = narrowed.is_valid()
        table = DeviceTable(narrowed.qs if right else Device.objects.none(), self.site)
        return self.show(table=table.for_request(request), filter=narrowed, status=200 if right else 422)


class BaseDevicePage(BasePage):
    """A page about one device, by the clock of its own site."""

    device: Device

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        devices = Device.objects.visible_to(request.user).select_related("clinic", "model")  # type: ignore[arg-type]
        self.device = get_object_or_404(devices, pk=kwargs["pk"])
        with timezone.override(self.device.clinic.zone):  # in which the form's moments are written
            return super().dispatch(request, *args, **kwargs)

    @property
    def address(self) -> str:
        return reverse("device", args=[self.device.pk])

    def everything(self) -> dict[str, Any]:
        """For the template: all that is known of the device; each patient who has or had it is recorded."""
        device = with_its_life(with_figures(Device.objects.all(), self)).get(pk=self.device.pk)
        holdings = list(device.holdings.all())[:MOST_SHOWN]
        opened = device.discrepancies.filter(state=Discrepancy.State.OPEN).select_related("rental")
        had_by = {holding.rental.patient_id for holding in holdings}
        named = {discrepancy.rental.patient_id for discrepancy in opened if discrepancy.rental}
        self.record(had_by | named, Access.Action.LISTED)
        forecast = forecasts_of([device.pk], self.now).get(device.pk)
        today = device.clinic.day_of(self.now)
        return {
            "life": life_of(device, self.now),
            "story": device_story(device),
            "picture": picture(forecast, device, today) if forecast else None,
            "forecast": forecast,
            "rulings": device.discrepancies.filter(
                kind=Discrepancy.Kind.COUNTER_DOWN, closed_as=Discrepancy.ClosedAs.CORRECTED
            ).select_related("closed_by")[:MOST_SHOWN],
            "device": device,
            "holdings": holdings,
            "discrepancies": opened,
            "to_inspect": device.condition in TO_INSPECT,
            "waiting": with_overview(Rental.objects.filter(state=State.RETURNED), self.now)
            .filter(device_id=device.pk)
            .first(),
            "readings": device.readings.select_related("recorded_by").order_by("-read_at", "-pk")[:MOST_SHOWN],
            "allowances": list(device.allowances.all())[::-1],
            "inspections": list(device.inspections.all())[:MOST_SHOWN],
            "recalls": list(device.recalls.all()),
            "arriving": next((one for one in device.transfers.all() if one.away.upper > today), None),
            "most": MOST_SHOWN,
        }


class OneDevice(BaseDevicePage):
    """Everything about one device."""

    action = "devices.read"
    template = "rentals/desk/device.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(form=ReadingForm(), **self.everything())


class TakeReading(BaseDevicePage, BaseFormPage):
    """What the screen shows, written down on the device's page; what cannot be is kept and said at once (I5)."""

    action = "readings.record"
    template = "rentals/desk/device.html"
    form_class = ReadingForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        reading = take_reading(
            self.device, given["counter"], read_at=given["read_at"] or self.now, at=self.now, actor=self.actor
        )
        if not reading.trusted:
            messages.warning(
                self.request,
                _(
                    "Counter %(counter)s is kept, but not trusted: it is %(doubt)s. Look at the screen again and "
                    "record "
                    "what it shows; what does not fit stands among the discrepancies."
                )
                % {"counter": reading.counter, "doubt": doubt(reading.flag)},
            )
            return self.go(self.address)
        return self.go(self.address, _("Counter %(counter)s is recorded.") % {"counter": reading.counter})

    def context(self) -> dict[str, Any]:
        return self.everything()


class SendDevice(BaseDevicePage, BaseFormPage):
    """A device on its way to another site: that site's from now on, nobody's until it has arrived."""

    action = "devices.send"
    template = "rentals/desk/send_device.html"
    form_class = SendForm

    def form_arguments(self) -> dict[str, Any]:
        others = self.actor.visible_clinics().exclude(pk=self.device.clinic_id)
        arrives_on = self.device.clinic.day_of(self.now) + timedelta(days=self.device.clinic.courier_days)
        return {"clinics": others, "initial": {"arrives_on": arrives_on}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        transfer = send(self.device, **given, at=self.now, actor=self.actor)
        said = _("Device %(device)s is on its way to %(site)s.")
        return self.go(self.address, said % {"device": self.device, "site": transfer.to_clinic})

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class SetDates(BaseDevicePage, BaseFormPage):
    """The end of a device's shelf life and the day of its service, put right."""

    action = "devices.add"
    template = "rentals/desk/device_dates.html"
    form_class = DatesForm

    def form_arguments(self) -> dict[str, Any]:
        return {"initial": {"shelf_until": self.device.shelf_until, "service_due_on": self.device.service_due_on}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        set_dates(self.device, **given, at=self.now, actor=self.actor)
        return self.go(self.address, _("The dates of device %(device)s are changed.") % {"device": self.device})

    def context(self) -> dict[str, Any]:
        return {"device": self.device, "back": self.address}


class AddDevice(BaseFormPage):
    """A new unit in the inventory."""

    action = "devices.add"
    template = "rentals/desk/add_device.html"
    form_class = AddDeviceForm

    def form_arguments(self) -> dict[str, Any]:
        serial = self.request.GET.get("serial", "")  # of a device that sent data and is not known
        return {"clinics": self.actor.visible_clinics(), "initial": {"clinic": self.site, "serial": serial}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        device = add_device(**given, at=self.now, actor=self.actor)
        poke_offers(device.clinic_id)
        address = reverse("device", args=[device.pk])
        if device.condition != given["condition"]:
            recalled = _("Device %(device)s is added, but a recall names it: it may not go out.")
            messages.warning(self.request, recalled % {"device": device})
            return self.go(address)
        return self.go(address, _("Device %(device)s is added.") % {"device": device})

    def context(self) -> dict[str, Any]:
        return {"models": DeviceModel.objects.exists(), "back": reverse("devices")}
