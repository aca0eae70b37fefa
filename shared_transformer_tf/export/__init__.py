"""SavedModels that translate text, checked before they are handed out."""
