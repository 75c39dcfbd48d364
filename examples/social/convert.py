"""From HetRec 2011's Last.fm files to those that social.toml and measure.py name.

    python convert.py HETREC DATA

HETREC is the unpacked hetrec2011-lastfm-2k.zip: user_artists.dat (userID, artistID, weight: the plays),
user_friends.dat (userID, friendID) and artists.dat (id, name, url, pictureURL), tab separated. The files are written to
DATA/lastfm/.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

FILES = {
    "plays": ("user_artists.dat", {"userID": "user_id", "artistID": "item_id", "weight": "plays"}),
    "friends": ("user_friends.dat", {"userID": "user_id", "friendID": "friend_id"}),
    "artists": ("artists.dat", {"id": "item_id", "name": "name"}),
}


def main(hetrec: Path, data: Path) -> None:
    folder = data / "lastfm"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (source, columns) in FILES.items():
        # Names have quotation marks that quote nothing.
        frame = pl.read_csv(hetrec / source, separator="\t", quote_char=None, infer_schema=False)
        frame.select(pl.col(old).alias(new) for old, new in columns.items()).write_csv(
            folder / f"{name}.csv.gz", compression="gzip"
        )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(
            "usage: python convert.py HETREC DATA; HETREC is hetrec2011-lastfm-2k.zip, unpacked, from "
            "https://grouplens.org/datasets/hetrec-2011/, DATA is the folder to name in PROMPTREC_DATA"
        )
    main(Path(sys.argv[1]), Path(sys.argv[2]))
