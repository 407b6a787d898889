"""Upload of a folder to the Hugging Face hub, for users who name a repository there."""

from pathlib import Path
from typing import Literal

from ablations.labelers.checkpoints import HUB_NAME

_NETWORK = ("httpx", "httpx2")
"""Libraries with which huggingface_hub reaches the hub, and whose errors it passes on."""


def check_push(repository: str) -> None:
    """Checks that the user can upload to a repository, before anything slow is done.

    Raises:
        ValueError: it is no OWNER/NAME, or the user is not logged in.
    """
    parts = HUB_NAME.fullmatch(repository)
    if parts is None or parts["revision"] is not None:
        raise ValueError(f"push: found {repository}; allowed: OWNER/NAME")
    from huggingface_hub import HfApi

    try:
        HfApi().whoami()
    except Exception as error:
        raise ValueError(
            f"push: the hub does not know you ({_line_of(error)}); allowed: after `hf auth login`, or with "
            "HF_TOKEN"
        ) from None


def push(folder: Path, repository: str, kind: Literal["model", "dataset"], *, public: bool) -> str:
    """Uploads a folder as one commit, and returns the address of the repository.

    A new repository is private unless `public`; an existing one stays as it is.

    Raises:
        ValueError: the hub refuses, or cannot be reached. The folder is kept.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        url = api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        api.upload_folder(
            folder_path=folder, repo_id=repository, repo_type=kind, commit_message=f"Add {kind} and card"
        )
    except Exception as error:
        raise ValueError(
            f"push: {folder} is complete, but was not uploaded to {repository} ({_line_of(error)}); allowed: "
            f"to upload it with `hf upload {repository} {folder} --repo-type {kind}`"
        ) from None
    return str(url)


def _line_of(error: Exception) -> str:
    """Returns the message of an error of the hub or the network; raises any other error."""
    if not isinstance(error, OSError | ValueError) and type(error).__module__.split(".")[0] not in _NETWORK:
        raise error
    return " ".join(str(error).split())[:200]
