"""The addresses of the contract."""

from django.urls import path, re_path, register_converter

from rentals.api import documentation
from rentals.api.views import correction, devices, fleet, patients, rentals, usage, verbs


class ReferenceConverter:
    """A rental's reference; anything else is no address."""

    regex = "[0-9A-Z]{1,12}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ReferenceConverter, "reference")

VERBS = {
    "sign": verbs.Sign,
    "payments": verbs.Pay,
    "hand-over": verbs.HandOver,
    "extend": verbs.Extend,
    "swap": verbs.Swap,
    "change-device": verbs.ChangeDevice,
    "pin": verbs.Pin,
    "healed": verbs.ConfirmHealed,
    "return": verbs.Return,
    "inspect": verbs.Inspect,
    "lost": verbs.ReportLost,
    "kept": verbs.ReportKept,
    "cancel": verbs.Cancel,
    "offer/accept": verbs.AcceptOffer,
    "correct-device": correction.CorrectDevice,
    "correct-patient": correction.CorrectPatient,
}

urlpatterns = [
    path("clinics/", devices.Clinics.as_view()),
    path("device-models/", devices.DeviceModels.as_view()),
    path("devices/", devices.Devices.as_view()),
    path("devices/<int:pk>/", devices.OneDevice.as_view()),
    path("devices/<int:pk>/treatments/", devices.Treatments.as_view()),
    path("devices/<int:pk>/readings/", devices.Readings.as_view()),
    path("availability/", devices.Availability.as_view()),
    path("patients/", patients.Patients.as_view()),
    path("patients/search/", patients.FindPatients.as_view()),
    path("rentals/", rentals.Rentals.as_view()),
    path("rentals/<reference:reference>/", rentals.OneRental.as_view()),
    path("rentals/<reference:reference>/days/", rentals.Days.as_view()),
    *(path(f"rentals/<reference:reference>/{name}/", view.as_view()) for name, view in VERBS.items()),
    path("recalls/", usage.Recalls.as_view()),
    path("usage/imports/", usage.Imports.as_view()),
    path("usage/imports/<int:pk>/", usage.OneImport.as_view()),
    path("usage/discrepancies/", usage.Discrepancies.as_view()),
    path("usage/discrepancies/<int:pk>/resolve/", usage.Resolve.as_view()),
    path("reports/fleet/", fleet.Fleet.as_view()),
    path("schema/", documentation.Schema.as_view(), name="schema"),
    path("docs/", documentation.Documentation.as_view(), name="docs"),
    re_path("", documentation.Nothing.as_view()),
]
