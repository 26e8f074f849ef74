"""What a terminologist looks at before a site's codes are trusted."""
