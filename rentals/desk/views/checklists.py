"""Checklists at the desk: kept at every step, gone on with by anybody; and the photos taken on the way."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid
from devices.models import Device
from patients.models import Access
from rentals import checklists
from rentals.checklists import MOST_PHOTOS
from rentals.desk.forms.custody import BaseChecklistForm
from rentals.desk.page import BaseFormPage, BasePage, explain
from rentals.models import Checklist, Photo, Rental
from rentals.photos import SmallPhoto, small_photo, thumbnail

PHOTOS, AS_SHOWN = "photos", "as_shown"
ONE_PAGE = timedelta(minutes=10)  # for which a page stands open while its pictures come
HEADERS = {"Content-Disposition": 'inline; filename="photo.jpg"', "X-Content-Type-Options": "nosniff"}


class BaseChecklistPage(BaseFormPage):
    """A form that is kept while it is filled in. A single complete POST of it does the same as the last step."""

    kind: ClassVar[Checklist.Kind]
    part = "rentals/desk/checklist_kept.html"
    about: Rental | Device
    finish: Callable[..., HttpResponseRedirect]  # call the verb, say where to go on
    form: Any = None
    left_out = 0  # photos for which there was no room

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.taken, self.photo_problems = read_photos(request.FILES.getlist(PHOTOS))
        if "remove" in request.POST or "step" in request.POST:
            return self.go_on(request)
        return super().post(request, *args, **kwargs)

    @property
    def is_kept(self) -> bool:
        """Whether there is a checklist to keep."""
        return True

    @cached_property
    def checklist(self) -> Checklist | None:
        """What was begun and not finished."""
        return checklists.checklist_of(self.kind, self.about) if self.is_kept else None

    def make_form(self, *data: Any) -> Any:
        """Opened with what was answered before."""
        form = super().make_form(*data)
        if not data and self.checklist:
            form.initial.update({name: sent for name, sent in self.checklist.answers.items() if name in form.fields})
        return form

    def go_on(self, request: HttpRequest) -> HttpResponse:
        """Keep what stands in the form, finished or not, and stay on the page."""
        self.form = form = self.make_form(request.POST)
        try:
            self.keep(form)
            if "remove" in request.POST and self.checklist:
                checklists.remove_photo(self.checklist, request.POST["remove"], at=self.now, actor=self.actor)
        except Refusal as refusal:
            self.refusal = refusal
        if self.request.htmx:
            return self.show(template=self.part, as_part=True, form=form, refusal=self.refusal, **self.context())
        return self.shown_again(form)

    def shown_again(self, form: Any) -> HttpResponse:
        """Without JavaScript: the page anew, with what was kept, or with why it was not."""
        if self.refusal:
            explain(form, self.refusal)
            return self.show_form(form, status=self.refusal.status)
        if self.photo_problems or self.left_out:
            return self.show_form(self.make_form(), status=422)
        photos = "remove" in self.request.POST or self.request.POST["step"] == PHOTOS
        place = PHOTOS if photos else "kept"
        return self.go(f"{self.request.path}#{place}", _("Kept. Whoever opens it goes on from here."))

    def answers(self) -> checklists.Answers:
        """What was sent with the last step."""
        entered: checklists.Answers = self.make_form(self.request.POST).entered()
        return entered

    def keep(self, form: BaseChecklistForm) -> None:
        """Keep what the form holds, and the photos that came with it."""
        if not self.is_kept:
            return
        kept = checklists.keep(
            self.kind,
            self.about,
            answers=form.entered(),
            shown=shown_before(self.request.POST.get(AS_SHOWN, "")),
            photos=self.taken,
            at=self.now,
            actor=self.actor,
        )
        self.checklist, self.left_out = kept.checklist, kept.left_out

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        """The last step: photos that came with it are kept first, and nothing is done while one of them is missing."""
        if self.taken:
            self.keep(self.make_form(self.request.POST))
        if self.photo_problems or self.left_out:
            raise invalid(PHOTOS, _("Not every photo could be taken; see there, then send this again."))
        return self.finish(given)

    def show_form(self, form: Any, status: int = 200) -> HttpResponse:
        """A form that comes back with a complaint is kept all the same."""
        self.form = form
        if form.is_bound:
            with suppress(Refusal):
                self.keep(form)
        return super().show_form(form, status)

    def context(self) -> dict[str, Any]:
        entered = self.form.entered()
        return {
            **super().context(),
            "checklist": self.checklist,
            "is_kept": self.is_kept,
            "site_of_it": self.about.clinic,
            "steps_of_form": list(self.form.steps()),
            AS_SHOWN: json.dumps(entered),
            "others": changed_by_others(self.form, self.checklist) if self.form.is_bound else [],
            "photos": self.checklist.photos.defer("content") if self.checklist else (),
            "photo_problems": self.problems(),
            "most_photos": MOST_PHOTOS,
        }

    def problems(self) -> list[str]:
        """What is to be said of the photos that were just sent."""
        found: list[str] = getattr(self, "photo_problems", [])
        if not self.left_out:
            return found
        too_many = _("%(left)s left out: %(most)s photos are the most; remove one first.")
        return [*found, too_many % {"left": self.left_out, "most": MOST_PHOTOS}]

    def doubt_in(self, form: Any, device: Device | None) -> str:
        """Why the counter in the form can hardly be; "" where it may, or is no number yet."""
        if "counter" not in form.fields or device is None:
            return ""
        with suppress(ValidationError):
            counter = form.fields["counter"].clean(form["counter"].value())
            return checklists.doubt_of(device, counter, moment_in(form) or self.now)
        return ""


def moment_in(form: Any) -> datetime | None:
    """When the form says that it happened; None for now."""
    with suppress(ValidationError):
        moment: datetime | None = form.fields["at"].clean(form["at"].value())
        return moment
    return None


def shown_before(text: str) -> dict[str, Any]:
    """The answers that the page showed when it was opened, as it sends them back."""
    try:
        shown = json.loads(text or "{}")
    except ValueError:
        return {}
    return shown if isinstance(shown, dict) else {}


def changed_by_others(form: BaseChecklistForm, checklist: Checklist | None) -> list[str]:
    """The labels of the fields in which something else is kept than stands in this form."""
    if checklist is None:
        return []
    entered = form.entered()
    return [
        str(form[name].label)
        for name, kept in checklist.answers.items()
        if name in form.fields and entered[name] != kept
    ]


def read_photos(files: list[UploadedFile]) -> tuple[list[SmallPhoto], list[str]]:
    """The photos among `files`, and a sentence for each file that is none."""
    taken, problems = [], []
    for file in files[:MOST_PHOTOS]:
        try:
            taken.append(small_photo(file))  # type: ignore[arg-type]
        except Refusal as refusal:
            problems.append(f"{file.name}: {refusal.message}")
    if (left := len(files) - MOST_PHOTOS) > 0:
        numbers = {"left": left, "most": MOST_PHOTOS}
        problems.append(_("%(left)s left out: send %(most)s photos at a time.") % numbers)
    return taken, problems


class PhotoFile(BasePage):
    """One photo, for staff of its site; recorded as a read of its patient."""

    action = "rentals.read"

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        photo = get_object_or_404(photos_seen_by(self.actor), key=name)
        if photo.checklist.rental:
            self.note_read(photo.checklist.rental.patient_id)
        return HttpResponse(self.content_of(photo), content_type="image/jpeg", headers=HEADERS)

    def content_of(self, photo: Photo) -> bytes:
        return bytes(photo.content)

    def note_read(self, patient: int) -> None:
        self.record([patient])


class PhotoThumbnail(PhotoFile):
    """The same, small. The page that shows it was recorded, so it is a read of its own only long after that."""

    def content_of(self, photo: Photo) -> bytes:
        return thumbnail(super().content_of(photo))

    def note_read(self, patient: int) -> None:
        of_the_page = {"user": self.actor, "patient": patient, "at__range": (self.now - ONE_PAGE, self.now)}
        if not Access.objects.filter(**of_the_page).exists():
            self.record([patient])


def photos_seen_by(user: User) -> QuerySet[Photo]:
    """The photos of the rentals and devices of the sites of `user`."""
    of_rentals = Q(checklist__rental__in=Rental.objects.visible_to(user))
    of_devices = Q(checklist__device__in=Device.objects.visible_to(user))
    return Photo.objects.filter(of_rentals | of_devices).select_related("checklist__rental")
