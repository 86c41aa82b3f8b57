"""Readers of archives that believe nothing an archive says about itself."""
