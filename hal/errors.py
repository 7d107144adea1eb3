"""HalError
+-- LineBusy       another process drives this line
+-- DeviceMissing  no such device file, bus address or chip
+-- DeviceFailed   the device answered wrongly or not at all
"""


class HalError(Exception):
    """A device cannot do what it must; the text names device, path and what to do."""


class LineBusy(HalError):
    pass


class DeviceMissing(HalError):
    pass


class DeviceFailed(HalError):
    pass
