"""The extension module over whimbrel/coordinator.h. Use whimbrel.Coordinator instead."""

class Coordinator:
    def __init__(
        self,
        *,
        run: str,
        data_dir: str,
        security: str,
        listen: str | None,
        http: str | None,
        advertise: str | None,
        open_admission: bool,
        replicas_min: int,
        round_grace_ms: int,
        suspect_after_ms: int,
        dial_back: bool,
    ) -> None: ...
    def stop(self) -> None: ...
    def address(self) -> str: ...
    def http_address(self) -> str: ...
    def invite(self, expires_s: int) -> str: ...
