"""The pages: typed views, templates, one style sheet, translations."""
