"""The addresses under `/settings/`: what a manager sets up once and looks at now and then."""

from django.urls import path

from rentals.desk.views import device_models

settings_patterns = [
    path("settings/models/", device_models.DeviceModels.as_view(), name="device-models"),
    path("settings/models/add/", device_models.AddModel.as_view(), name="add-device-model"),
    path("settings/models/<int:pk>/", device_models.OneModel.as_view(), name="device-model"),
    path("settings/models/<int:pk>/change/", device_models.ChangeModel.as_view(), name="change-device-model"),
    path("settings/models/<int:pk>/sign/", device_models.SignReuse.as_view(), name="sign-reuse"),
    path("settings/models/<int:pk>/withdraw/", device_models.WithdrawReuse.as_view(), name="withdraw-reuse"),
]
