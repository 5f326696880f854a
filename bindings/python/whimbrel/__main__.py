"""python -m whimbrel --version"""

import argparse

import whimbrel

parser = argparse.ArgumentParser(prog="python -m whimbrel", description="whimbrel's Python bindings")
parser.add_argument("--version", action="version", version=f"whimbrel {whimbrel.__version__}")
parser.parse_args()
parser.print_help()
