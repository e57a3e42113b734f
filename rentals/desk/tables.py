"""The tables of rentals, devices and usage data."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

import django_tables2 as tables
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from config.models import Clinic
from devices.models import Device
from rentals.models import UsageImport
from rentals.reconciliation.routes import ROUTES
from rentals.templatetags.desk import day, local
from rentals.templatetags.devices import free, remaining, standing

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ROWS_A_PAGE = 50
MOST_SERIALS, LONGEST_REASON = 3, 120  # of a recall in the list of all


def direction(bound_column: Any) -> str | None:
    """For those who hear the table: how it is sorted by this column, if it is."""
    if not bound_column.is_ordered:
        return None
    return "descending" if bound_column.order_by_alias.is_descending else "ascending"


NUMBER = {"th": {"class": "number", "aria-sort": direction}, "td": {"class": "number"}}


class BaseTable(tables.Table):
    """A table that is sorted and turned over by the address (`sort`, `page`); what means nothing there is ignored."""

    class Meta:
        attrs = {"class": "table", "th": {"aria-sort": direction}}

    def for_request(self, request: HttpRequest) -> Self:
        self.request = request
        if wanted := request.GET.getlist("sort"):
            self.order_by = wanted
        self.paginate(per_page=ROWS_A_PAGE)
        self.page = self.paginator.get_page(request.GET.get("page"))
        return self


class Sorted(tables.Column):
    """A column to sort by: null (unknown) comes last, equal ones stand by serial, so that pages never overlap."""

    def __init__(self, verbose_name: "StrOrPromise", field: str, **kwargs: Any) -> None:
        super().__init__(verbose_name, accessor=field, order_by=field, empty_values=(), **kwargs)

    def order(self, rows: QuerySet[Any], is_descending: bool) -> tuple[QuerySet[Any], bool]:
        by = F(str(self.accessor))
        first = by.desc(nulls_last=True) if is_descending else by.asc(nulls_last=True)
        return rows.order_by(first, "serial", "pk"), True


class DeviceTable(BaseTable):
    """Devices of `clinic` with what they have left; days by its calendar."""

    serial = tables.TemplateColumn(
        '<a class="mono" href="{% url "device" record.pk %}">{{ record.serial }}</a>',
        verbose_name=_("Serial"),
        order_by=("serial", "pk"),
    )
    model = Sorted(_("Model"), "model__name")
    condition = Sorted(_("Condition"), "condition")
    availability = Sorted(_("Availability"), "availability")
    used = Sorted(pgettext_lazy("treatments", "Used"), "used_treatments", attrs=NUMBER)
    remaining = Sorted(pgettext_lazy("treatments", "Remaining"), "remaining_treatments", attrs=NUMBER)
    promised = Sorted(pgettext_lazy("treatments", "Promised"), "promised_treatments", attrs=NUMBER)
    free = Sorted(pgettext_lazy("treatments", "Free"), "free_treatments", attrs=NUMBER)
    last_reading = Sorted(_("Last reading"), "last_reading_at")

    class Meta(BaseTable.Meta):
        order_by = "serial"
        empty_text = _("No device fits. Clear the filters, or look at another site.")

    def __init__(self, devices: Any, clinic: Clinic) -> None:
        self.clinic = clinic
        super().__init__(devices)

    def render_condition(self, record: Device) -> SafeString:
        return standing(record.condition)

    def render_availability(self, value: str) -> SafeString:
        return standing(value)

    def render_remaining(self, value: int | None) -> str:
        return remaining(value)

    def render_free(self, value: int | None) -> str:
        return free(value)

    def render_last_reading(self, value: datetime | None) -> str:
        return day(self.clinic.day_of(value)) if value else gettext("never read")


class RentalTable(BaseTable):
    """Rentals with their overview and patients; newest first unless sorted otherwise."""

    ONE_LINE = {"td": {"class": "nowrap"}, "th": {"aria-sort": direction}}

    reference = tables.TemplateColumn(
        '<a href="{% url "rental" record.reference %}" class="mono">{{ record.reference }}</a>',
        verbose_name=_("Reference"),
    )
    patient = tables.Column(_("Patient"), accessor="patient__name", order_by=("patient__folded_name", "pk"))
    state = tables.TemplateColumn('{% include "rentals/desk/state.html" with rental=record %}', verbose_name=_("State"))
    device_serial = tables.Column(verbose_name=_("Device"), default="–")
    starts_on = tables.Column(pgettext_lazy("first day", "From"), order_by=("starts_on", "pk"), attrs=ONE_LINE)
    due_on = tables.Column(pgettext_lazy("last day", "Due"), order_by=("due_on", "pk"), attrs=ONE_LINE)

    class Meta(BaseTable.Meta):
        empty_text = _("No rental fits. Clear the filters, or book one from the patient’s page.")

    def render_starts_on(self, value: date) -> str:
        return day(value)

    def render_due_on(self, value: date) -> str:
        return day(value)


class ImportTable(BaseTable):
    """Usage imports and what became of each; moments by the clock of `clinic`."""

    name = tables.TemplateColumn(template_name="rentals/desk/usage_import_name.html", verbose_name=_("File"))
    route = tables.Column(_("Came by"))
    uploaded_by = tables.Column(_("Sent by"), accessor="uploaded_by__username", default="–")
    created_at = tables.Column(pgettext_lazy("when a file came", "Sent"))
    status = tables.TemplateColumn(template_name="rentals/desk/usage_status.html", verbose_name=_("Status"))
    accepted = tables.Column(pgettext_lazy("treatments", "New"), attrs=NUMBER)
    duplicate = tables.Column(_("Known already"), attrs=NUMBER)
    rejected_lines = tables.Column(_("Not taken"), attrs=NUMBER)

    class Meta(BaseTable.Meta):
        orderable = False
        empty_text = _("Nothing was sent yet.")

    def __init__(self, imports: Any, clinic: Clinic) -> None:
        self.clinic = clinic
        super().__init__(imports)

    def render_route(self, record: UsageImport) -> str:
        return str(ROUTES[record.route].title) if record.route in ROUTES else gettext("upload")

    def render_created_at(self, value: datetime) -> str:
        return local(value, self.clinic)


class RecallTable(BaseTable):
    """Recalls with their numbers; moments by the clock of `clinic`."""

    model = tables.TemplateColumn(
        '<a href="{% url "recall" record.pk %}">{{ record.model }} ({{ record.model.part_number }})</a>',
        verbose_name=_("Part"),
    )
    at = tables.Column(_("Started"))
    by = tables.Column(_("By"), accessor="by__username")
    reason = tables.Column(_("Reason"), attrs={"td": {"class": "wrap"}})
    serials = tables.Column(_("Serials"), attrs={"td": {"class": "wrap"}}, empty_values=())
    units = tables.TemplateColumn(
        template_name="rentals/desk/recall_units_here.html", verbose_name=_("Units here"), attrs=NUMBER
    )
    out = tables.Column(_("Out now"), attrs=NUMBER)
    at_risk = tables.Column(_("At risk"), attrs=NUMBER)

    class Meta(BaseTable.Meta):
        orderable = False
        empty_text = _("No recall names a unit here.")

    def __init__(self, recalls: Any, clinic: Clinic) -> None:
        self.clinic = clinic
        super().__init__(recalls)

    def render_at(self, value: datetime) -> str:
        return local(value, self.clinic)

    def render_reason(self, value: str) -> str:
        return Truncator(value).chars(LONGEST_REASON)

    def render_serials(self, value: list[str]) -> str:
        first, more = ", ".join(value[:MOST_SERIALS]), len(value) - MOST_SERIALS
        if more > 0:
            return gettext("%(serials)s and %(number)s more") % {"serials": first, "number": more}
        return first or gettext("all units")


class RejectedTable(BaseTable):
    """The lines of a file that were not taken."""

    line = tables.Column(_("Line"), attrs=NUMBER)
    reason = tables.Column(_("Why it was not taken"), attrs={"td": {"class": "wrap"}})

    class Meta(BaseTable.Meta):
        orderable = False
