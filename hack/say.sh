#!/usr/bin/env bash
# Says what is being done, so that nobody wonders at a long step.
printf '== %s\n' "$*" >&2
