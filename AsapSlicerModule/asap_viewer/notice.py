"""What every screen and every export says."""

NOTICE = "Research use. AI-generated. Not for diagnosis."
