"""What waits for staff: calls to make, wishes of patients, decisions."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, F, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django_filters import ChoiceFilter, FilterSet, ModelChoiceFilter

from config.models import Clinic, User
from patients.models import Access
from rentals.desk.forms.tasks import TaskDoneForm
from rentals.desk.page import BaseFormPage, BasePage
from rentals.models import StaffTask
from rentals.models.staff_tasks import StaffTaskQuerySet
from rentals.reminders.by_phone import say_today
from rentals.staff_tasks import do_task

ROWS_A_PAGE = 25
SHOWN = ("clinic", "patient__contact", "rental", "reminder", "done_by")


def sites_of(request: HttpRequest) -> QuerySet[Clinic]:
    user: Any = request.user
    return user.visible_clinics()


class TaskFilter(FilterSet):
    """`state`: what is open, due first, or what was done, the latest first."""

    STATES = [("open", pgettext_lazy("tasks", "Open")), ("done", pgettext_lazy("tasks", "Done"))]

    state = ChoiceFilter(choices=STATES, method="in_state", label=gettext_lazy("State"), empty_label=None)
    for_role = ChoiceFilter(
        choices=StaffTask.For.choices, label=pgettext_lazy("whose tasks", "For"), empty_label=gettext_lazy("Anybody")
    )
    kind = ChoiceFilter(
        choices=StaffTask.Kind.choices, label=gettext_lazy("Kind"), empty_label=gettext_lazy("Any kind")
    )
    clinic = ModelChoiceFilter(queryset=sites_of, label=gettext_lazy("Site"), empty_label=gettext_lazy("All sites"))

    class Meta:
        model = StaffTask
        fields: list[str] = []

    def in_state(self, tasks: Any, name: str, state: str) -> Any:
        if state == "done":
            return tasks.filter(done_at__isnull=False).order_by("-done_at", "-pk")
        mine = Case(When(for_role=self.request.user.role, then=Value(0)), default=Value(1))
        return tasks.open().order_by(mine, F("due_at"), "pk")


class Tasks(BasePage):
    """Open tasks of the user's sites, those for their own role first; each patient shown is recorded."""

    action = "tasks.read"
    template = "rentals/desk/tasks.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        tasks = tasks_seen(self.actor)
        narrowed = TaskFilter({"state": "open", **request.GET.dict()}, tasks, request=request)
        if len(self.sites) == 1:
            del narrowed.filters["clinic"]
        right = narrowed.is_valid()
        shown = Paginator(narrowed.qs if right else tasks.none(), ROWS_A_PAGE).get_page(request.GET.get("page"))
        say_today(shown.object_list, self.now)
        self.record({task.patient_id for task in shown}, Access.Action.LISTED)
        return self.show(shown=shown, filter=narrowed, form=TaskDoneForm(), status=200 if right else 422)


class DoTask(BaseFormPage):
    """Write down that a task is done, and what came of it."""

    action = "tasks.do"
    template = "rentals/desk/tasks_do.html"
    form_class = TaskDoneForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.task = get_object_or_404(tasks_seen(request.user), pk=kwargs["pk"])  # type: ignore[arg-type]
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        done = do_task(self.task, **given, at=self.now, actor=self.actor)
        return self.go(reverse("tasks"), _("Done: %(task)s.") % {"task": done.get_kind_display()})

    def context(self) -> dict[str, Any]:
        self.task.refresh_from_db(fields=["done_at", "done_by", "note", "words"])
        self.record([self.task.patient_id])
        say_today([self.task], self.now)
        return {"task": self.task, "back": reverse("tasks")}


def tasks_seen(user: User) -> StaffTaskQuerySet:
    """Those that the user may see, with all that is shown of them."""
    return StaffTask.objects.visible_to(user).select_related(*SHOWN)
