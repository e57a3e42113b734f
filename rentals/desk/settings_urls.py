"""The addresses under `/settings/`: what a manager sets up once and looks at now and then."""

from django.urls import path

from rentals.desk.views import device_models, settings, sheets, staff

settings_patterns = [
    path("settings/history/", settings.SettingsHistory.as_view(), name="settings-history"),
    path("settings/closed-days/", settings.ClosedDays.as_view(), name="closed-days"),
    path("settings/sites/new/", settings.OpenSite.as_view(), name="open-site"),
    path("settings/models/", device_models.DeviceModels.as_view(), name="device-models"),
    path("settings/models/add/", device_models.AddModel.as_view(), name="add-device-model"),
    path("settings/models/<int:pk>/", device_models.OneModel.as_view(), name="device-model"),
    path("settings/models/<int:pk>/change/", device_models.ChangeModel.as_view(), name="change-device-model"),
    path("settings/models/<int:pk>/sign/", device_models.SignReuse.as_view(), name="sign-reuse"),
    path("settings/models/<int:pk>/withdraw/", device_models.WithdrawReuse.as_view(), name="withdraw-reuse"),
    path("settings/spreadsheet/", sheets.Spreadsheets.as_view(), name="sheets"),
    path("settings/spreadsheet/template/", sheets.SheetTemplate.as_view(), name="sheet-template"),
    path("settings/spreadsheet/<int:pk>/", sheets.OneSheet.as_view(), name="sheet"),
    path("settings/spreadsheet/<int:pk>/columns/", sheets.SheetColumns.as_view(), name="sheet-columns"),
    path("settings/spreadsheet/<int:pk>/problems/", sheets.SheetProblems.as_view(), name="sheet-problems"),
    path("settings/spreadsheet/<int:pk>/take/", sheets.TakeSheet.as_view(), name="take-sheet"),
    path("settings/spreadsheet/<int:pk>/drop/", sheets.DropSheet.as_view(), name="drop-sheet"),
    path("settings/staff/", staff.Staff.as_view(), name="staff"),
    path("settings/staff/invite/", staff.Invite.as_view(), name="invite-staff"),
    path("settings/staff/<int:pk>/change/", staff.ChangeWork.as_view(), name="change-work"),
    path("settings/staff/<int:pk>/link/", staff.NewLink.as_view(), name="staff-link"),
    path("settings/staff/<int:pk>/off/", staff.SwitchOff.as_view(), name="switch-staff-off"),
    path("settings/staff/<int:pk>/on/", staff.SwitchOn.as_view(), name="switch-staff-on"),
]
