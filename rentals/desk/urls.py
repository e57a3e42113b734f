"""The addresses of the desk. None of them holds anything of a patient but a number."""

from django.urls import path

from rentals.desk.views import booking, devices, discrepancies, fleet, patients, rentals, today, usage, verbs

RENTAL = "rentals/<slug:reference>/"

urlpatterns = [
    path("", today.Today.as_view(), name="today"),
    path("site/", today.ChooseSite.as_view(), name="choose-site"),
    path("patients/", patients.Patients.as_view(), name="patients"),
    path("patients/new/", patients.NewPatient.as_view(), name="new-patient"),
    path("patients/<int:pk>/", patients.OnePatient.as_view(), name="patient"),
    path("patients/<int:pk>/correct/", patients.CorrectPatient.as_view(), name="correct-patient"),
    path("patients/<int:pk>/book/", booking.Book.as_view(), name="book"),
    path("patients/<int:pk>/offers/", booking.Offers.as_view(), name="offers"),
    path("rentals/", rentals.Rentals.as_view(), name="rentals"),
    path(RENTAL, rentals.OneRental.as_view(), name="rental"),
    path(f"{RENTAL}reserve/", verbs.Reserve.as_view(), name="reserve"),
    path(f"{RENTAL}sign/", verbs.Sign.as_view(), name="sign"),
    path(f"{RENTAL}pay/", verbs.Pay.as_view(), name="pay"),
    path(f"{RENTAL}ledger/<int:pk>/reverse/", verbs.Reverse.as_view(), name="reverse"),
    path(f"{RENTAL}hand-over/", verbs.HandOver.as_view(), name="hand-over"),
    path(f"{RENTAL}return/", verbs.TakeBack.as_view(), name="return"),
    path(f"{RENTAL}inspect/", verbs.Inspect.as_view(), name="inspect"),
    path(f"{RENTAL}extend/", verbs.Extend.as_view(), name="extend"),
    path(f"{RENTAL}swap/", verbs.Swap.as_view(), name="swap"),
    path(f"{RENTAL}healed/", verbs.ConfirmHealed.as_view(), name="healed"),
    path(f"{RENTAL}cancel/", verbs.Cancel.as_view(), name="cancel"),
    path(f"{RENTAL}lost/", verbs.ReportLost.as_view(), name="lost"),
    path(f"{RENTAL}kept/", verbs.ReportKept.as_view(), name="kept"),
    path("messages/<int:pk>/", rentals.OneMessage.as_view(), name="message"),
    path("messages/<int:pk>/decide/", rentals.Decide.as_view(), name="decide"),
    path("devices/", devices.Devices.as_view(), name="devices"),
    path("devices/add/", devices.AddDevice.as_view(), name="add-device"),
    path("devices/<int:pk>/", devices.OneDevice.as_view(), name="device"),
    path("devices/<int:pk>/reading/", devices.TakeReading.as_view(), name="take-reading"),
    path("devices/<int:pk>/inspect/", devices.InspectUnit.as_view(), name="inspect-unit"),
    path("usage/", usage.Usage.as_view(), name="usage"),
    path("usage/send/", usage.SendUsage.as_view(), name="usage-send"),
    path("usage/<int:pk>/", usage.OneImport.as_view(), name="usage-import"),
    path("discrepancies/", discrepancies.Discrepancies.as_view(), name="discrepancies"),
    path("discrepancies/<int:pk>/resolve/", discrepancies.Resolve.as_view(), name="resolve"),
    path("fleet/", fleet.Fleet.as_view(), name="fleet"),
    path("fleet/export/", fleet.FleetExport.as_view(), name="fleet-export"),
]
