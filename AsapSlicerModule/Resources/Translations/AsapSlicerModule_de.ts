<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en_US">
 <context>
  <name>AsapSlicerModule</name>
  <message>
   <source>ASAP report grounding</source>
   <translation>ASAP: Befundsätze im Bild</translation>
  </message>
  <message>
   <source>Click a sentence of a chest CT report: the slices jump to the place it speaks of, lit up. Needs an ASAP server (`asap serve`); a saved review opens without one. Research use. AI-generated. Not for diagnosis.</source>
   <translation>Klicken Sie einen Satz eines Thorax-CT-Befundes an: Die Schichten springen an die Stelle, von der er spricht, und sie leuchtet auf. Benötigt einen ASAP-Server (`asap serve`); eine gespeicherte Durchsicht öffnet sich ohne. Für die Forschung. KI-erzeugt. Nicht zur Diagnose.</translation>
  </message>
  <message>
   <source>Method: ASAP, arXiv 2606.00602. Open source under Apache-2.0.</source>
   <translation>Verfahren: ASAP, arXiv 2606.00602. Quelloffen unter Apache-2.0.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.case_panel</name>
  <message>
   <source>Research use. AI-generated. Not for diagnosis.</source>
   <translation>Für die Forschung. KI-erzeugt. Nicht zur Diagnose.</translation>
  </message>
  <message>
   <source>Case</source>
   <translation>Fall</translation>
  </message>
  <message>
   <source>Display</source>
   <translation>Anzeige</translation>
  </message>
  <message>
   <source>Choose a CT</source>
   <translation>CT wählen</translation>
  </message>
  <message>
   <source>Encoding sends this CT, resampled and without names, and the sentences to {server}.</source>
   <translation>Beim Kodieren gehen dieses CT, verkleinert und ohne Namen, und die Sätze an {server}.</translation>
  </message>
  <message>
   <source>CT volume</source>
   <translation>CT-Volumen</translation>
  </message>
  <message>
   <source>Encode</source>
   <translation>Kodieren</translation>
  </message>
  <message>
   <source>Bring the case to the server once; then every sentence is quick.</source>
   <translation>Den Fall einmal zum Server bringen; danach ist jeder Satz schnell beantwortet.</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Abbrechen</translation>
  </message>
  <message>
   <source>Stop what is under way.</source>
   <translation>Laufende Arbeit anhalten.</translation>
  </message>
  <message>
   <source>Send</source>
   <translation>Senden</translation>
  </message>
  <message>
   <source>Agree for this server, now and later.</source>
   <translation>Für diesen Server zustimmen, jetzt und später.</translation>
  </message>
  <message>
   <source>Do not send</source>
   <translation>Nicht senden</translation>
  </message>
  <message>
   <source>Nothing leaves this computer.</source>
   <translation>Nichts verlässt diesen Rechner.</translation>
  </message>
  <message>
   <source>CT:</source>
   <translation>CT:</translation>
  </message>
  <message>
   <source>Opacity of the heat</source>
   <translation>Deckkraft der Wärmekarte</translation>
  </message>
  <message>
   <source>Threshold of the heat</source>
   <translation>Schwelle der Wärmekarte</translation>
  </message>
  <message>
   <source>Share of a map's highest value; cooler places are not drawn.</source>
   <translation>Anteil am höchsten Wert einer Karte; kühlere Stellen werden nicht gezeichnet.</translation>
  </message>
  <message>
   <source>Legend</source>
   <translation>Legende</translation>
  </message>
  <message>
   <source>Outline at the threshold</source>
   <translation>Umriss an der Schwelle</translation>
  </message>
  <message>
   <source>Opacity:</source>
   <translation>Deckkraft:</translation>
  </message>
  <message>
   <source>Threshold:</source>
   <translation>Schwelle:</translation>
  </message>
  <message>
   <source>Nothing was sent.</source>
   <translation>Es wurde nichts gesendet.</translation>
  </message>
  <message>
   <source>The server's own copy is used.</source>
   <translation>Die eigene Kopie des Servers wird benutzt.</translation>
  </message>
  <message>
   <source>The case was sent to the server.</source>
   <translation>Der Fall wurde zum Server gesendet.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.cases</name>
  <message>
   <source>The chosen volume is the heatmap itself; choose the CT.</source>
   <translation>Das gewählte Volumen ist die Wärmekarte selbst; wählen Sie das CT.</translation>
  </message>
  <message>
   <source>The work was stopped.</source>
   <translation>Die Arbeit wurde angehalten.</translation>
  </message>
  <message>
   <source>preparing the volume</source>
   <translation>das Volumen wird vorbereitet</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.coverage</name>
  <message>
   <source>The model saw all of this CT.</source>
   <translation>Das Modell hat dieses CT ganz gesehen.</translation>
  </message>
  <message>
   <source>left</source>
   <translation>links</translation>
  </message>
  <message>
   <source>right</source>
   <translation>rechts</translation>
  </message>
  <message>
   <source>back</source>
   <translation>hinten</translation>
  </message>
  <message>
   <source>front</source>
   <translation>vorn</translation>
  </message>
  <message>
   <source>bottom</source>
   <translation>unten</translation>
  </message>
  <message>
   <source>top</source>
   <translation>oben</translation>
  </message>
  <message>
   <source>{mm} mm at the {side}</source>
   <translation>{mm} mm {side}</translation>
  </message>
  <message>
   <source>The model saw {percent} % of this CT; not {places}.</source>
   <translation>Das Modell hat {percent} % dieses CTs gesehen; nicht {places}.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.documents</name>
  <message>
   <source>No PDF and no DICOM: the server makes them; connect and encode the case first.</source>
   <translation>Kein PDF und kein DICOM: Der Server macht sie; erst verbinden und den Fall kodieren.</translation>
  </message>
  <message>
   <source>No PDF and no DICOM: this server does not make them.</source>
   <translation>Kein PDF und kein DICOM: Dieser Server macht sie nicht.</translation>
  </message>
  <message>
   <source>No DICOM: this CT was not loaded from DICOM.</source>
   <translation>Kein DICOM: Dieses CT wurde nicht aus DICOM geladen.</translation>
  </message>
  <message>
   <source>No DICOM: the server does not hold this series. Keep a journal, then: asap review document JOURNAL --series DIR</source>
   <translation>Kein DICOM: Der Server hält diese Serie nicht. Führen Sie ein Protokoll, dann: asap review document JOURNAL --series DIR</translation>
  </message>
  <message>
   <source>The documents could not be written there; choose another folder.</source>
   <translation>Die Dokumente konnten dort nicht geschrieben werden; wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <source>Written: {names}.</source>
   <translation>Geschrieben: {names}.</translation>
  </message>
  <message>
   <source>DICOM files: {count}.</source>
   <translation>DICOM-Dateien: {count}.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.drafting</name>
  <message>
   <source>The model found nothing to write about this CT.</source>
   <translation>Das Modell fand nichts, was es über dieses CT schreiben könnte.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.events</name>
  <message>
   <source>waiting, position {position} in the queue</source>
   <translation>wartet, Platz {position} in der Schlange</translation>
  </message>
  <message>
   <source>Ask again.</source>
   <translation>Fragen Sie erneut.</translation>
  </message>
  <message>
   <source>The module failed ({kind}); save the scene and report it.</source>
   <translation>Das Modul hat versagt ({kind}); speichern Sie die Szene und melden Sie es.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.evidence</name>
  <message>
   <source>The model shows no place for this answer.</source>
   <translation>Das Modell zeigt für diese Antwort keine Stelle.</translation>
  </message>
  <message>
   <source>The place is shown; this model states no confidence.</source>
   <translation>Die Stelle ist gezeigt; dieses Modell gibt keine Sicherheit an.</translation>
  </message>
  <message>
   <source>The place is shown; confidence {percent} %.</source>
   <translation>Die Stelle ist gezeigt; Sicherheit {percent} %.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.heatmap_display</name>
  <message>
   <source>ASAP legend</source>
   <translation>ASAP-Legende</translation>
  </message>
  <message>
   <source>ASAP heat</source>
   <translation>ASAP-Wärme</translation>
  </message>
  <message>
   <source>ASAP heatmap</source>
   <translation>ASAP-Wärmekarte</translation>
  </message>
  <message>
   <source>ASAP heatmap display</source>
   <translation>Anzeige der ASAP-Wärmekarte</translation>
  </message>
  <message>
   <source>ASAP regions</source>
   <translation>ASAP-Regionen</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.image_files</name>
  <message>
   <source>The image the server sent cannot be read.</source>
   <translation>Das vom Server gesandte Bild ist nicht lesbar.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.judge_row</name>
  <message>
   <source>Correction</source>
   <translation>Berichtigung</translation>
  </message>
  <message>
   <source>The right answer; press Enter</source>
   <translation>Die richtige Antwort; Eingabetaste drücken</translation>
  </message>
  <message>
   <source>{what} (key {key} at the answer)</source>
   <translation>{what} (Taste {key} bei der Antwort)</translation>
  </message>
  <message>
   <source>Agree</source>
   <translation>Zustimmen</translation>
  </message>
  <message>
   <source>The answer is right</source>
   <translation>Die Antwort ist richtig</translation>
  </message>
  <message>
   <source>Disagree</source>
   <translation>Ablehnen</translation>
  </message>
  <message>
   <source>The answer is wrong</source>
   <translation>Die Antwort ist falsch</translation>
  </message>
  <message>
   <source>Correct...</source>
   <translation>Berichtigen...</translation>
  </message>
  <message>
   <source>The answer is wrong; write the right one</source>
   <translation>Die Antwort ist falsch; die richtige schreiben</translation>
  </message>
  <message>
   <source>Unsure</source>
   <translation>Unsicher</translation>
  </message>
  <message>
   <source>It cannot be said</source>
   <translation>Es lässt sich nicht sagen</translation>
  </message>
  <message>
   <source>This one is better</source>
   <translation>Diese ist besser</translation>
  </message>
  <message>
   <source>Compare: this answer is better</source>
   <translation>Vergleich: diese Antwort ist besser</translation>
  </message>
  <message>
   <source>Other is better</source>
   <translation>Andere ist besser</translation>
  </message>
  <message>
   <source>Compare: the other answer is better</source>
   <translation>Vergleich: die andere Antwort ist besser</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Rückgängig</translation>
  </message>
  <message>
   <source>Take the last verdict back</source>
   <translation>Das letzte Urteil zurücknehmen</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.label_desk</name>
  <message>
   <source>There is no server yet; enter its address and test the connection.</source>
   <translation>Es gibt noch keinen Server; geben Sie seine Adresse ein und prüfen Sie die Verbindung.</translation>
  </message>
  <message>
   <source>The segments of this case were not submitted. Submit them, or ask for the next case once more.</source>
   <translation>Die Segmente dieses Falls wurden nicht abgegeben. Geben Sie sie ab, oder fordern Sie den nächsten Fall noch einmal an.</translation>
  </message>
  <message>
   <source>Every study of the server's datastore has a label, or it holds none.</source>
   <translation>Jede Studie des Servers ist beschriftet, oder er hat keine.</translation>
  </message>
  <message>
   <source>To label: {study}</source>
   <translation>Zu beschriften: {study}</translation>
  </message>
  <message>
   <source>Fetching the next case.</source>
   <translation>Der nächste Fall wird geholt.</translation>
  </message>
  <message>
   <source>This CT is not of the server's datastore, which keeps labels of its own studies only; save the segments.</source>
   <translation>Diese CT ist nicht aus dem Bestand des Servers, der nur Beschriftungen eigener Studien hält; speichern Sie die Segmente.</translation>
  </message>
  <message>
   <source>Submitted as the label of {study}: {names}.</source>
   <translation>Abgegeben als Beschriftung von {study}: {names}.</translation>
  </message>
  <message>
   <source>{count} voxels are of several segments; the smallest has them.</source>
   <translation>{count} Voxel gehören mehreren Segmenten; das kleinste hat sie.</translation>
  </message>
  <message>
   <source>Submitting the label.</source>
   <translation>Die Beschriftung wird abgegeben.</translation>
  </message>
  <message>
   <source>The server's datastore does not hold this very image; nothing was submitted. Save the segments.</source>
   <translation>Der Server hat nicht genau dieses Bild; nichts wurde abgegeben. Speichern Sie die Segmente.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.label_row</name>
  <message>
   <source>Label studies</source>
   <translation>Studien beschriften</translation>
  </message>
  <message>
   <source>How the next study is chosen</source>
   <translation>Wie die nächste Studie gewählt wird</translation>
  </message>
  <message>
   <source>Next unlabelled case</source>
   <translation>Nächster unbeschrifteter Fall</translation>
  </message>
  <message>
   <source>Open the study of the server's datastore that is best labelled next.</source>
   <translation>Die Studie des Servers öffnen, die am besten als nächste beschriftet wird.</translation>
  </message>
  <message>
   <source>Submit labels</source>
   <translation>Beschriftung abgeben</translation>
  </message>
  <message>
   <source>Send the segments of this CT, as they are now, as the label of its study.</source>
   <translation>Die Segmente dieser CT, wie sie jetzt sind, als Beschriftung ihrer Studie senden.</translation>
  </message>
  <message>
   <source>Chosen by:</source>
   <translation>Gewählt nach:</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.lesion_row</name>
  <message>
   <source>New lesion</source>
   <translation>Neue Läsion</translation>
  </message>
  <message>
   <source>Then click inside it in a slice: the server cuts it out of the image (key X).</source>
   <translation>Dann in einer Schicht hineinklicken: Der Server schneidet sie aus dem Bild (Taste X).</translation>
  </message>
  <message>
   <source>Scribble</source>
   <translation>Strich</translation>
  </message>
  <message>
   <source>Draw lines in a slice; with Shift outside the lesion (key W).</source>
   <translation>In einer Schicht Striche ziehen; mit Umschalt außerhalb der Läsion (Taste W).</translation>
  </message>
  <message>
   <source>Box</source>
   <translation>Kasten</translation>
  </message>
  <message>
   <source>Drag a rectangle around the lesion; it is as deep as its shorter side (key B).</source>
   <translation>Ein Rechteck um die Läsion ziehen; es ist so tief wie seine kürzere Seite (Taste B).</translation>
  </message>
  <message>
   <source>Undo click</source>
   <translation>Klick zurück</translation>
  </message>
  <message>
   <source>One step back (key Z).</source>
   <translation>Einen Schritt zurück (Taste Z).</translation>
  </message>
  <message>
   <source>Redo click</source>
   <translation>Klick wieder</translation>
  </message>
  <message>
   <source>One step forward again (key Y).</source>
   <translation>Wieder einen Schritt vor (Taste Y).</translation>
  </message>
  <message>
   <source>Segment is right</source>
   <translation>Segment stimmt</translation>
  </message>
  <message>
   <source>Clicks in the slices mean nothing any more (key D).</source>
   <translation>Klicks in die Schichten bedeuten nichts mehr (Taste D).</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.lesion_steps</name>
  <message>
   <source>Nothing of the lesion is left; undo the last click.</source>
   <translation>Von der Läsion ist nichts übrig; nehmen Sie den letzten Klick zurück.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.lesion_tools</name>
  <message>
   <source>Click inside the lesion in a slice.</source>
   <translation>Klicken Sie in einer Schicht in die Läsion.</translation>
  </message>
  <message>
   <source>Click in a slice: that place belongs to it. Shift+click: it does not.</source>
   <translation>Klick in eine Schicht: Diese Stelle gehört dazu. Umschalt+Klick: Sie gehört nicht dazu.</translation>
  </message>
  <message>
   <source>Draw a line inside the lesion in a slice.</source>
   <translation>Ziehen Sie in einer Schicht einen Strich in der Läsion.</translation>
  </message>
  <message>
   <source>Draw in a slice: what is under the line belongs to it. With Shift: it does not.</source>
   <translation>Strich in einer Schicht: Was darunter liegt, gehört dazu. Mit Umschalt: Es gehört nicht dazu.</translation>
  </message>
  <message>
   <source>Drag a rectangle around the lesion in a slice.</source>
   <translation>Ziehen Sie in einer Schicht ein Rechteck um die Läsion.</translation>
  </message>
  <message>
   <source>Drag a rectangle in a slice: nothing outside belongs to it. It is as deep as its shorter side.</source>
   <translation>Rechteck in einer Schicht: Nichts außerhalb gehört dazu. Es ist so tief wie seine kürzere Seite.</translation>
  </message>
  <message>
   <source>The segment is being made.</source>
   <translation>Das Segment entsteht.</translation>
  </message>
  <message>
   <source>Lesion {n}</source>
   <translation>Läsion {n}</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.lesions</name>
  <message>
   <source>{ml} ml, longest diameter {mm} mm, mean {hu} HU</source>
   <translation>{ml} ml, längster Durchmesser {mm} mm, Mittel {hu} HE</translation>
  </message>
  <message>
   <source>Show a place inside the lesion first.</source>
   <translation>Zeigen Sie zuerst eine Stelle in der Läsion.</translation>
  </message>
  <message>
   <source>This server does not say where its segments stand; it is of an older version.</source>
   <translation>Dieser Server sagt nicht, wo seine Segmente stehen; er ist eine ältere Version.</translation>
  </message>
  <message>
   <source>Nothing there stands out from what is around it; click another place.</source>
   <translation>Dort hebt sich nichts von der Umgebung ab; klicken Sie eine andere Stelle an.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.logic</name>
  <message>
   <source>Stopped.</source>
   <translation>Angehalten.</translation>
  </message>
  <message>
   <source>There is no report yet; paste one or load a text file.</source>
   <translation>Es gibt noch keinen Befund; fügen Sie einen ein oder laden Sie eine Textdatei.</translation>
  </message>
  <message>
   <source>This CT's report is signed and stays as it is; add an amendment.</source>
   <translation>Der Befund dieses CTs ist unterschrieben und bleibt, wie er ist; fügen Sie einen Nachtrag hinzu.</translation>
  </message>
  <message>
   <source>The report was changed meanwhile.</source>
   <translation>Der Befund wurde inzwischen geändert.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.organ_row</name>
  <message>
   <source>Organs</source>
   <translation>Organe</translation>
  </message>
  <message>
   <source>Organ</source>
   <translation>Organ</translation>
  </message>
  <message>
   <source>Draw</source>
   <translation>Zeichnen</translation>
  </message>
  <message>
   <source>The model draws the organ as a segment</source>
   <translation>Das Modell zeichnet das Organ als Segment</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.organs</name>
  <message>
   <source>Lungs</source>
   <translation>Lungen</translation>
  </message>
  <message>
   <source>Lobes of the lungs</source>
   <translation>Lungenlappen</translation>
  </message>
  <message>
   <source>Airway</source>
   <translation>Atemwege</translation>
  </message>
  <message>
   <source>Trachea</source>
   <translation>Luftröhre</translation>
  </message>
  <message>
   <source>Heart</source>
   <translation>Herz</translation>
  </message>
  <message>
   <source>Aorta</source>
   <translation>Aorta</translation>
  </message>
  <message>
   <source>Pulmonary artery</source>
   <translation>Lungenarterie</translation>
  </message>
  <message>
   <source>Spine</source>
   <translation>Wirbelsäule</translation>
  </message>
  <message>
   <source>Liver</source>
   <translation>Leber</translation>
  </message>
  <message>
   <source>Spleen</source>
   <translation>Milz</translation>
  </message>
  <message>
   <source>Stomach</source>
   <translation>Magen</translation>
  </message>
  <message>
   <source>Everything that may be a lesion</source>
   <translation>Alles, was ein Befund sein kann</translation>
  </message>
  <message>
   <source>All labels of {model}</source>
   <translation>Alle Labels von {model}</translation>
  </message>
  <message>
   <source>Drawn by the model: {names}. Correct it where it is wrong.</source>
   <translation>Vom Modell gezeichnet: {names}. Berichtigen Sie, wo es falsch ist.</translation>
  </message>
  <message>
   <source>Nothing of it was found.</source>
   <translation>Davon wurde nichts gefunden.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.own_server</name>
  <message>
   <source>There is no server there; choose the python or the asap command of the server's environment.</source>
   <translation>Dort ist kein Server; wählen Sie python oder den Befehl asap aus der Umgebung des Servers.</translation>
  </message>
  <message>
   <source>The server runs on Linux; start it in WSL with `asap serve` and enter its address.</source>
   <translation>Der Server läuft unter Linux; starten Sie ihn in WSL mit `asap serve` und geben Sie seine Adresse ein.</translation>
  </message>
  <message>
   <source>The local server ended by itself; its log says why. Start it again.</source>
   <translation>Der lokale Server hat sich beendet; sein Protokoll sagt warum. Starten Sie ihn neu.</translation>
  </message>
  <message>
   <source>The server did not start; the log below and `asap doctor` say what is missing.</source>
   <translation>Der Server ist nicht gestartet; das Protokoll und `asap doctor` sagen, was fehlt.</translation>
  </message>
  <message>
   <source>This Python could not be started; choose another.</source>
   <translation>Dieses Python ließ sich nicht starten; wählen Sie ein anderes.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.question_desk</name>
  <message>
   <source>This server answers no questions; it is of an older version.</source>
   <translation>Dieser Server beantwortet keine Fragen; er ist eine ältere Version.</translation>
  </message>
  <message>
   <source>What was measured stands in ASAP segments.</source>
   <translation>Was gemessen wurde, steht in ASAP-Segmente.</translation>
  </message>
  <message>
   <source>measured: {text}</source>
   <translation>gemessen: {text}</translation>
  </message>
  <message>
   <source>the model cannot tell</source>
   <translation>das Modell kann es nicht sagen</translation>
  </message>
  <message>
   <source>no calibrated confidence</source>
   <translation>keine kalibrierte Sicherheit</translation>
  </message>
  <message>
   <source>confidence {percent} %</source>
   <translation>Sicherheit {percent} %</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.question_panel</name>
  <message>
   <source>not judged</source>
   <translation>nicht beurteilt</translation>
  </message>
  <message>
   <source>agree</source>
   <translation>zugestimmt</translation>
  </message>
  <message>
   <source>disagree</source>
   <translation>abgelehnt</translation>
  </message>
  <message>
   <source>unsure</source>
   <translation>unsicher</translation>
  </message>
  <message>
   <source>Ask a question</source>
   <translation>Eine Frage stellen</translation>
  </message>
  <message>
   <source>Question about the CT</source>
   <translation>Frage zum CT</translation>
  </message>
  <message>
   <source>Such as: Is there a nodule in the left lung?</source>
   <translation>Etwa (englisch): Is there a nodule in the left lung?</translation>
  </message>
  <message>
   <source>Ask</source>
   <translation>Fragen</translation>
  </message>
  <message>
   <source>Ask the model (Enter)</source>
   <translation>Das Modell fragen (Eingabetaste)</translation>
  </message>
  <message>
   <source>Ask this</source>
   <translation>Dies fragen</translation>
  </message>
  <message>
   <source>Answer of the model</source>
   <translation>Antwort des Modells</translation>
  </message>
  <message>
   <source>Previous</source>
   <translation>Zurück</translation>
  </message>
  <message>
   <source>Question before</source>
   <translation>Vorige Frage</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Weiter</translation>
  </message>
  <message>
   <source>Next question</source>
   <translation>Nächste Frage</translation>
  </message>
  <message>
   <source>Next place</source>
   <translation>Nächste Stelle</translation>
  </message>
  <message>
   <source>Show the next place the answer rests on</source>
   <translation>Die nächste Stelle zeigen, auf der die Antwort beruht</translation>
  </message>
  <message>
   <source>Questions about this CT</source>
   <translation>Fragen zu diesem CT</translation>
  </message>
  <message>
   <source>Question</source>
   <translation>Frage</translation>
  </message>
  <message>
   <source>Answer</source>
   <translation>Antwort</translation>
  </message>
  <message>
   <source>Sure</source>
   <translation>Sicher</translation>
  </message>
  <message>
   <source>Verdict</source>
   <translation>Urteil</translation>
  </message>
  <message>
   <source>Export verdicts...</source>
   <translation>Urteile ausgeben...</translation>
  </message>
  <message>
   <source>Questions, answers and verdicts as JSON or Markdown</source>
   <translation>Fragen, Antworten und Urteile als JSON oder Markdown</translation>
  </message>
  <message>
   <source>JSON (*.json);;Markdown (*.md)</source>
   <translation>JSON (*.json);;Markdown (*.md)</translation>
  </message>
  <message>
   <source>Export verdicts</source>
   <translation>Urteile ausgeben</translation>
  </message>
  <message>
   <source>shown: {text}</source>
   <translation>gezeigt: {text}</translation>
  </message>
  <message>
   <source>place {n} of {count}: {text}</source>
   <translation>Stelle {n} von {count}: {text}</translation>
  </message>
  <message>
   <source>there is no place to show</source>
   <translation>es gibt keine Stelle zu zeigen</translation>
  </message>
  <message>
   <source>verdict: {said}</source>
   <translation>Urteil: {said}</translation>
  </message>
  <message>
   <source>right is: {text}</source>
   <translation>richtig ist: {text}</translation>
  </message>
  <message>
   <source> (this one is better)</source>
   <translation> (diese ist besser)</translation>
  </message>
  <message>
   <source> (that one is better)</source>
   <translation> (jene ist besser)</translation>
  </message>
  <message>
   <source>Another answer, of {model}: {words}</source>
   <translation>Eine andere Antwort, von {model}: {words}</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.regions</name>
  <message>
   <source>The region is cold there.</source>
   <translation>Dort ist die Region kalt.</translation>
  </message>
  <message>
   <source>The segment stands in ASAP segments.</source>
   <translation>Das Segment steht unter ASAP-Segmente.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.report_box</name>
  <message>
   <source>Paste a report here.</source>
   <translation>Hier einen Befund einfügen.</translation>
  </message>
  <message>
   <source>Report text</source>
   <translation>Befundtext</translation>
  </message>
  <message>
   <source>Load report...</source>
   <translation>Befund laden ...</translation>
  </message>
  <message>
   <source>Read a report from a text file or a DICOM structured report.</source>
   <translation>Einen Befund aus einer Textdatei oder einem strukturierten DICOM-Befund lesen.</translation>
  </message>
  <message>
   <source>Reports of this study</source>
   <translation>Befunde dieser Untersuchung</translation>
  </message>
  <message>
   <source>Structured reports that lie beside this CT in the DICOM database.</source>
   <translation>Strukturierte Befunde, die neben diesem CT in der DICOM-Datenbank liegen.</translation>
  </message>
  <message>
   <source>Find sentences</source>
   <translation>Sätze suchen</translation>
  </message>
  <message>
   <source>Ask where every sentence of the report is true.</source>
   <translation>Fragen, wo jeder Satz des Befundes zutrifft.</translation>
  </message>
  <message>
   <source>Draft a report</source>
   <translation>Befund entwerfen</translation>
  </message>
  <message>
   <source>The server writes a report; every sentence comes with its place and how sure it is.</source>
   <translation>Der Server schreibt einen Befund; jeder Satz kommt mit seinem Ort und seiner Sicherheit.</translation>
  </message>
  <message>
   <source>Export...</source>
   <translation>Ausgeben ...</translation>
  </message>
  <message>
   <source>Write the reviewed report as JSON, FHIR, Markdown or text.</source>
   <translation>Den durchgesehenen Befund als JSON, FHIR, Markdown oder Text schreiben.</translation>
  </message>
  <message>
   <source>Export all...</source>
   <translation>Alles ausgeben...</translation>
  </message>
  <message>
   <source>Write every document into a folder: JSON, FHIR, Markdown, text, and from the server PDF and DICOM.</source>
   <translation>Jedes Dokument in einen Ordner schreiben: JSON, FHIR, Markdown, Text und vom Server PDF und DICOM.</translation>
  </message>
  <message>
   <source>Or type one sentence and press Enter</source>
   <translation>Oder einen Satz schreiben und die Eingabetaste drücken</translation>
  </message>
  <message>
   <source>One sentence</source>
   <translation>Ein Satz</translation>
  </message>
  <message>
   <source>The reviewed report was written.</source>
   <translation>Der durchgesehene Befund wurde geschrieben.</translation>
  </message>
  <message>
   <source>Reports (*.txt *.md *.dcm);;All files (*)</source>
   <translation>Befunde (*.txt *.md *.dcm);;Alle Dateien (*)</translation>
  </message>
  <message>
   <source>Load a report</source>
   <translation>Einen Befund laden</translation>
  </message>
  <message>
   <source>Reports of this study: choose one</source>
   <translation>Befunde dieser Untersuchung: wählen Sie einen</translation>
  </message>
  <message>
   <source>JSON (*.json);;FHIR (*.fhir.json);;Markdown (*.md);;Text (*.txt)</source>
   <translation>JSON (*.json);;FHIR (*.fhir.json);;Markdown (*.md);;Text (*.txt)</translation>
  </message>
  <message>
   <source>Export the reviewed report</source>
   <translation>Den durchgesehenen Befund ausgeben</translation>
  </message>
  <message>
   <source>Choose a folder; a new one is made in it</source>
   <translation>Ordner wählen; darin wird ein neuer angelegt</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.report_export</name>
  <message>
   <source>added</source>
   <translation>hinzugefügt</translation>
  </message>
  <message>
   <source>[not reviewed] {text}</source>
   <translation>[nicht durchgesehen] {text}</translation>
  </message>
  <message>
   <source>{done} of {all} sentences reviewed, {left_out} left out; {readers}; {time}</source>
   <translation>{done} von {all} Sätzen durchgesehen, {left_out} weggelassen; {readers}; {time}</translation>
  </message>
  <message>
   <source>unnamed</source>
   <translation>ohne Namen</translation>
  </message>
  <message>
   <source>Signed by {author}, {time}; digest {digest}.</source>
   <translation>Unterschrieben von {author}, {time}; Prüfsumme {digest}.</translation>
  </message>
  <message>
   <source>Amendment, {author}, {time}: {text}</source>
   <translation>Nachtrag, {author}, {time}: {text}</translation>
  </message>
  <message>
   <source>The report could not be written there; choose another folder.</source>
   <translation>Der Befund ließ sich dort nicht schreiben; wählen Sie einen anderen Ordner.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.report_panel</name>
  <message>
   <source>present</source>
   <translation>vorhanden</translation>
  </message>
  <message>
   <source>absent</source>
   <translation>nicht vorhanden</translation>
  </message>
  <message>
   <source>uncertain</source>
   <translation>unsicher</translation>
  </message>
  <message>
   <source>draft</source>
   <translation>Entwurf</translation>
  </message>
  <message>
   <source>accepted</source>
   <translation>angenommen</translation>
  </message>
  <message>
   <source>edited</source>
   <translation>geändert</translation>
  </message>
  <message>
   <source>rejected</source>
   <translation>verworfen</translation>
  </message>
  <message>
   <source>held back</source>
   <translation>zurückgehalten</translation>
  </message>
  <message>
   <source>contradicted</source>
   <translation>widersprochen</translation>
  </message>
  <message>
   <source>findings</source>
   <translation>Befund</translation>
  </message>
  <message>
   <source>impression</source>
   <translation>Beurteilung</translation>
  </message>
  <message>
   <source>technique</source>
   <translation>Technik</translation>
  </message>
  <message>
   <source>comparison</source>
   <translation>Vergleich</translation>
  </message>
  <message>
   <source>clinical information</source>
   <translation>Klinische Angaben</translation>
  </message>
  <message>
   <source>examination</source>
   <translation>Untersuchung</translation>
  </message>
  <message>
   <source>recommendation</source>
   <translation>Empfehlung</translation>
  </message>
  <message>
   <source>added</source>
   <translation>hinzugefügt</translation>
  </message>
  <message>
   <source>Report</source>
   <translation>Befund</translation>
  </message>
  <message>
   <source>No sentence speaks of this place.</source>
   <translation>Kein Satz spricht von dieser Stelle.</translation>
  </message>
  <message>
   <source>Of this place speak:</source>
   <translation>Von dieser Stelle sprechen:</translation>
  </message>
  <message>
   <source>Sentences of the report</source>
   <translation>Sätze des Befundes</translation>
  </message>
  <message>
   <source>Sentence</source>
   <translation>Satz</translation>
  </message>
  <message>
   <source>Says</source>
   <translation>Aussage</translation>
  </message>
  <message>
   <source>Confidence</source>
   <translation>Sicherheit</translation>
  </message>
  <message>
   <source>State</source>
   <translation>Stand</translation>
  </message>
  <message>
   <source>Struck out: words of the draft that went. Bold and underlined: words that came.</source>
   <translation>Durchgestrichen: entfallene Wörter des Entwurfs. Fett und unterstrichen: neue Wörter.</translation>
  </message>
  <message>
   <source>New wording</source>
   <translation>Neuer Wortlaut</translation>
  </message>
  <message>
   <source>Previous</source>
   <translation>Zurück</translation>
  </message>
  <message>
   <source>Previous sentence</source>
   <translation>Voriger Satz</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Weiter</translation>
  </message>
  <message>
   <source>Next sentence</source>
   <translation>Nächster Satz</translation>
  </message>
  <message>
   <source>Accept</source>
   <translation>Annehmen</translation>
  </message>
  <message>
   <source>Accept the sentence</source>
   <translation>Den Satz annehmen</translation>
  </message>
  <message>
   <source>Reject</source>
   <translation>Verwerfen</translation>
  </message>
  <message>
   <source>Reject the sentence</source>
   <translation>Den Satz verwerfen</translation>
  </message>
  <message>
   <source>Edit</source>
   <translation>Ändern</translation>
  </message>
  <message>
   <source>Give the sentence other words</source>
   <translation>Dem Satz andere Wörter geben</translation>
  </message>
  <message>
   <source>Undo</source>
   <translation>Rückgängig</translation>
  </message>
  <message>
   <source>Take the last decision back</source>
   <translation>Die letzte Entscheidung zurücknehmen</translation>
  </message>
  <message>
   <source>Map on/off</source>
   <translation>Karte an/aus</translation>
  </message>
  <message>
   <source>Show or hide the heat</source>
   <translation>Die Wärmekarte zeigen oder verbergen</translation>
  </message>
  <message>
   <source>{what} (key {key} in the list)</source>
   <translation>{what} (Taste {key} in der Liste)</translation>
  </message>
  <message>
   <source>Make segment</source>
   <translation>Segment machen</translation>
  </message>
  <message>
   <source>Turn the region around the last ctrl-click, or the peak, into a segment.</source>
   <translation>Die Region um den letzten Klick mit Strg, oder um das Maximum, zu einem Segment machen.</translation>
  </message>
  <message>
   <source>Cut lesion</source>
   <translation>Läsion ausschneiden</translation>
  </message>
  <message>
   <source>The server cuts the lesion out of the image, around the last ctrl-click or the peak; clicks correct it.</source>
   <translation>Der Server schneidet die Läsion aus dem Bild, um den letzten Strg-Klick oder das Maximum; Klicks berichtigen sie.</translation>
  </message>
  <message>
   <source>Clear overlay</source>
   <translation>Karten weg</translation>
  </message>
  <message>
   <source>Take heat and outlines away.</source>
   <translation>Wärmekarte und Umrisse wegnehmen.</translation>
  </message>
  <message>
   <source>{done} of {all} reviewed</source>
   <translation>{done} von {all} durchgesehen</translation>
  </message>
  <message>
   <source>The map is that of the earlier wording.</source>
   <translation>Die Karte gehört zum früheren Wortlaut.</translation>
  </message>
  <message>
   <source>Caution: the heat lies on the other side than the sentence says.</source>
   <translation>Vorsicht: Die Wärme liegt auf der anderen Seite als der Satz sagt.</translation>
  </message>
  <message>
   <source>No confidence: this finding was not calibrated.</source>
   <translation>Keine Sicherheit: Dieser Befund wurde nicht kalibriert.</translation>
  </message>
  <message>
   <source>Region at the threshold: {ml} ml.</source>
   <translation>Region an der Schwelle: {ml} ml.</translation>
  </message>
  <message>
   <source>unnamed</source>
   <translation>ohne Namen</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.report_sources</name>
  <message>
   <source>Report</source>
   <translation>Befund</translation>
  </message>
  <message>
   <source>This file is not a text of at most a megabyte in UTF-8; save the report as plain text.</source>
   <translation>Diese Datei ist kein Text von höchstens einem Megabyte in UTF-8; speichern Sie den Befund als reinen Text.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.review_nodes</name>
  <message>
   <source>ASAP review</source>
   <translation>ASAP-Durchsicht</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.sample_data</name>
  <message>
   <source>Chest CT angiography</source>
   <translation>CT-Angiographie des Thorax</translation>
  </message>
  <message>
   <source>The sample CT could not be downloaded; check the network and try again.</source>
   <translation>Das Beispiel-CT ließ sich nicht laden; prüfen Sie das Netz und versuchen Sie es erneut.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.segment_box</name>
  <message>
   <source>Segments</source>
   <translation>Segmente</translation>
  </message>
  <message>
   <source>Segmentation new segments go into</source>
   <translation>Segmentierung, in die neue Segmente kommen</translation>
  </message>
  <message>
   <source>A segmentation of your own keeps its segments; new ones are added to it.</source>
   <translation>Eine eigene Segmentierung behält ihre Segmente; neue kommen hinzu.</translation>
  </message>
  <message>
   <source>Edit in Segment Editor</source>
   <translation>Im Segment Editor bearbeiten</translation>
  </message>
  <message>
   <source>Finish the lesion at hand and go on in Slicer's own editor with these segments and this CT.</source>
   <translation>Die Läsion abschließen und im Editor von Slicer mit diesen Segmenten und dieser CT weiterarbeiten.</translation>
  </message>
  <message>
   <source>Save segments...</source>
   <translation>Segmente speichern...</translation>
  </message>
  <message>
   <source>All of them with names, colours and codes, each whole where they overlap.</source>
   <translation>Alle mit Namen, Farben und Codes, jedes ganz, auch wo sie sich überlappen.</translation>
  </message>
  <message>
   <source>Into:</source>
   <translation>In:</translation>
  </message>
  <message>
   <source>ASAP segments</source>
   <translation>ASAP-Segmente</translation>
  </message>
  <message>
   <source>Save segments</source>
   <translation>Segmente speichern</translation>
  </message>
  <message>
   <source>The segments could not be written there; choose another folder.</source>
   <translation>Die Segmente konnten dort nicht geschrieben werden; wählen Sie einen anderen Ordner.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.segment_files</name>
  <message>
   <source>There is no segment to submit yet; draw one, or correct what the model draws.</source>
   <translation>Es gibt noch kein Segment zum Abgeben; zeichnen Sie eines oder korrigieren Sie, was das Modell zeichnet.</translation>
  </message>
  <message>
   <source>A label holds at most {count} segments.</source>
   <translation>Eine Beschriftung fasst höchstens {count} Segmente.</translation>
  </message>
  <message>
   <source>There is no segment to save yet.</source>
   <translation>Es gibt noch kein Segment zum Speichern.</translation>
  </message>
  <message>
   <source>The segments could not be written; is the disk full?</source>
   <translation>Die Segmente konnten nicht geschrieben werden; ist der Datenträger voll?</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.segment_measures</name>
  <message>
   <source>{ml} ml, longest diameter {mm} mm</source>
   <translation>{ml} ml, größter Durchmesser {mm} mm</translation>
  </message>
  <message>
   <source>{ml} ml, longest diameter {mm} mm, mean {hu} HU</source>
   <translation>{ml} ml, längster Durchmesser {mm} mm, Mittel {hu} HE</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.segments</name>
  <message>
   <source>The region lies outside the CT; choose another place.</source>
   <translation>Die Region liegt außerhalb des CTs; wählen Sie eine andere Stelle.</translation>
  </message>
  <message>
   <source>ASAP segments</source>
   <translation>ASAP-Segmente</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.served_segments</name>
  <message>
   <source>This server does not say where its segments stand; it is of an older version.</source>
   <translation>Dieser Server sagt nicht, wo seine Segmente stehen; er ist eine ältere Version.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.server_panel</name>
  <message>
   <source>Server</source>
   <translation>Server</translation>
  </message>
  <message>
   <source>Not connected.</source>
   <translation>Nicht verbunden.</translation>
  </message>
  <message>
   <source>Copy diagnostics</source>
   <translation>Diagnose kopieren</translation>
  </message>
  <message>
   <source>Versions and the last errors, without names, places or reports, to paste.</source>
   <translation>Versionen und die letzten Fehler, ohne Namen, Orte oder Befunde, zum Einfügen.</translation>
  </message>
  <message>
   <source>Server address</source>
   <translation>Adresse des Servers</translation>
  </message>
  <message>
   <source>Addresses used before are in the list.</source>
   <translation>Früher benutzte Adressen stehen in der Liste.</translation>
  </message>
  <message>
   <source>Token</source>
   <translation>Token</translation>
  </message>
  <message>
   <source>What `asap serve` wrote into its token file. It is kept until Slicer closes.</source>
   <translation>Was `asap serve` in seine Tokendatei geschrieben hat. Es wird behalten, bis Slicer schließt.</translation>
  </message>
  <message>
   <source>Test connection</source>
   <translation>Verbindung prüfen</translation>
  </message>
  <message>
   <source>Ask the server who it is; an error names the reason.</source>
   <translation>Den Server fragen, wer er ist; ein Fehler nennt den Grund.</translation>
  </message>
  <message>
   <source>Disconnect</source>
   <translation>Trennen</translation>
  </message>
  <message>
   <source>The server frees all it holds of us.</source>
   <translation>Der Server gibt alles frei, was er von uns hat.</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>Address:</source>
   <translation>Adresse:</translation>
  </message>
  <message>
   <source>Token:</source>
   <translation>Token:</translation>
  </message>
  <message>
   <source>Model:</source>
   <translation>Modell:</translation>
  </message>
  <message>
   <source>Python or asap command of the server's environment</source>
   <translation>python oder Befehl asap aus der Umgebung des Servers</translation>
  </message>
  <message>
   <source>Environment of the local server</source>
   <translation>Umgebung des lokalen Servers</translation>
  </message>
  <message>
   <source>Choose...</source>
   <translation>Wählen ...</translation>
  </message>
  <message>
   <source>Choose the python or the asap command of the server's environment.</source>
   <translation>Wählen Sie python oder den Befehl asap aus der Umgebung des Servers.</translation>
  </message>
  <message>
   <source>Start local server</source>
   <translation>Lokalen Server starten</translation>
  </message>
  <message>
   <source>Start a server on this computer; it ends with Slicer.</source>
   <translation>Einen Server auf diesem Rechner starten; er endet mit Slicer.</translation>
  </message>
  <message>
   <source>Stop local server</source>
   <translation>Lokalen Server beenden</translation>
  </message>
  <message>
   <source>End the server that was started here.</source>
   <translation>Den hier gestarteten Server beenden.</translation>
  </message>
  <message>
   <source>Log of the local server</source>
   <translation>Protokoll des lokalen Servers</translation>
  </message>
  <message>
   <source>Local server:</source>
   <translation>Lokaler Server:</translation>
  </message>
  <message>
   <source>Asking the server.</source>
   <translation>Der Server wird gefragt.</translation>
  </message>
  <message>
   <source>The server's python or asap command</source>
   <translation>python oder Befehl asap des Servers</translation>
  </message>
  <message>
   <source>The local server is starting.</source>
   <translation>Der lokale Server startet.</translation>
  </message>
  <message>
   <source>The local server is stopping.</source>
   <translation>Der lokale Server wird beendet.</translation>
  </message>
  <message>
   <source>Server: does not answer</source>
   <translation>Server: antwortet nicht</translation>
  </message>
  <message>
   <source>Server: connected</source>
   <translation>Server: verbunden</translation>
  </message>
  <message>
   <source>ASAP {version} on {device}, {queue} waiting, {sessions} of {limit} sessions open.</source>
   <translation>ASAP {version} auf {device}, {queue} warten, {sessions} von {limit} Sitzungen offen.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.session</name>
  <message>
   <source>Connected to ASAP {version}.</source>
   <translation>Verbunden mit ASAP {version}.</translation>
  </message>
  <message>
   <source>There is no server yet; enter its address and test the connection.</source>
   <translation>Es gibt noch keinen Server; geben Sie seine Adresse ein und prüfen Sie die Verbindung.</translation>
  </message>
  <message>
   <source>There is no CT yet; load one and choose it.</source>
   <translation>Es gibt noch kein CT; laden Sie eines und wählen Sie es.</translation>
  </message>
  <message>
   <source>asking the server</source>
   <translation>der Server wird gefragt</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.sign_row</name>
  <message>
   <source>Reader</source>
   <translation>Leser</translation>
  </message>
  <message>
   <source>Your name stands beside your decisions</source>
   <translation>Ihr Name steht bei Ihren Entscheidungen</translation>
  </message>
  <message>
   <source>Sign report</source>
   <translation>Befund unterschreiben</translation>
  </message>
  <message>
   <source>Every sentence is decided: freeze the report. Amendments stay possible.</source>
   <translation>Über jeden Satz ist entschieden: den Befund festschreiben. Nachträge bleiben möglich.</translation>
  </message>
  <message>
   <source>Amendment to the signed report; press Enter</source>
   <translation>Nachtrag zum unterschriebenen Befund; Eingabetaste drücken</translation>
  </message>
  <message>
   <source>Amendment</source>
   <translation>Nachtrag</translation>
  </message>
  <message>
   <source>Keep journal...</source>
   <translation>Tagebuch führen...</translation>
  </message>
  <message>
   <source>Keep every decision in a folder of your own too; a review found there goes on.</source>
   <translation>Jede Entscheidung auch in einem eigenen Ordner festhalten; eine dort gefundene Durchsicht geht weiter.</translation>
  </message>
  <message>
   <source>Reader:</source>
   <translation>Leser:</translation>
  </message>
  <message>
   <source>Signed by {author}, {time}; digest {digest}.</source>
   <translation>Unterschrieben von {author}, {time}; Prüfsumme {digest}.</translation>
  </message>
  <message>
   <source>Choose a folder of your own</source>
   <translation>Einen eigenen Ordner wählen</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.structured_report</name>
  <message>
   <source>DICOM reports cannot be read here; save the report as a text file and load that.</source>
   <translation>DICOM-Befunde lassen sich hier nicht lesen; speichern Sie den Befund als Textdatei und laden Sie diese.</translation>
  </message>
  <message>
   <source>This DICOM report is compressed; save the report as a text file and load that.</source>
   <translation>Dieser DICOM-Befund ist komprimiert; speichern Sie den Befund als Textdatei und laden Sie diese.</translation>
  </message>
  <message>
   <source>This DICOM file is no structured report; choose one of modality SR.</source>
   <translation>Diese DICOM-Datei ist kein strukturierter Befund; wählen Sie eine der Modalität SR.</translation>
  </message>
  <message>
   <source>This DICOM report is damaged; save the report as a text file and load that.</source>
   <translation>Dieser DICOM-Befund ist beschädigt; speichern Sie den Befund als Textdatei und laden Sie diese.</translation>
  </message>
  <message>
   <source>This DICOM report holds no text that describes the image; paste the report instead.</source>
   <translation>Dieser DICOM-Befund enthält keinen Text, der das Bild beschreibt; fügen Sie den Befund stattdessen ein.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.volume_nodes</name>
  <message>
   <source>The chosen volume holds no three-dimensional image; choose a CT that is loaded.</source>
   <translation>Das gewählte Volumen enthält kein dreidimensionales Bild; wählen Sie ein geladenes CT.</translation>
  </message>
  <message>
   <source>The chosen volume has colours or several components; choose the CT itself.</source>
   <translation>Das gewählte Volumen hat Farben oder mehrere Komponenten; wählen Sie das CT selbst.</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.worklist_desk</name>
  <message>
   <source>{at} of {count}; {judged} judged, {done} of {cases} cases done</source>
   <translation>{at} von {count}; {judged} beurteilt, {done} von {cases} Fällen fertig</translation>
  </message>
 </context>
 <context>
  <name>AsapSlicerLib.worklist_panel</name>
  <message>
   <source>Answers to judge</source>
   <translation>Antworten zum Beurteilen</translation>
  </message>
  <message>
   <source>Open worklist...</source>
   <translation>Arbeitsliste öffnen...</translation>
  </message>
  <message>
   <source>A reader's folder that `asap review new` made.</source>
   <translation>Ordner eines Befunders, den `asap review new` angelegt hat.</translation>
  </message>
  <message>
   <source>Answer to judge</source>
   <translation>Antwort zum Beurteilen</translation>
  </message>
  <message>
   <source>Previous</source>
   <translation>Zurück</translation>
  </message>
  <message>
   <source>Previous answer</source>
   <translation>Vorige Antwort</translation>
  </message>
  <message>
   <source>Next</source>
   <translation>Weiter</translation>
  </message>
  <message>
   <source>Next answer</source>
   <translation>Nächste Antwort</translation>
  </message>
  <message>
   <source>Previous case</source>
   <translation>Voriger Fall</translation>
  </message>
  <message>
   <source>First answer about the case before</source>
   <translation>Erste Antwort zum vorigen Fall</translation>
  </message>
  <message>
   <source>Next case</source>
   <translation>Nächster Fall</translation>
  </message>
  <message>
   <source>First answer about the next case</source>
   <translation>Erste Antwort zum nächsten Fall</translation>
  </message>
  <message>
   <source>Show place</source>
   <translation>Stelle zeigen</translation>
  </message>
  <message>
   <source>Show where in the CT the answer is true</source>
   <translation>Zeigen, wo im CT die Antwort zutrifft</translation>
  </message>
  <message>
   <source>Choose a reader's folder</source>
   <translation>Ordner eines Befunders wählen</translation>
  </message>
  <message>
   <source>Another answer: {words}</source>
   <translation>Eine andere Antwort: {words}</translation>
  </message>
  <message>
   <source>Not judged yet.</source>
   <translation>Noch nicht beurteilt.</translation>
  </message>
  <message>
   <source>Judged: agree.</source>
   <translation>Beurteilt: zugestimmt.</translation>
  </message>
  <message>
   <source>Judged: disagree.</source>
   <translation>Beurteilt: abgelehnt.</translation>
  </message>
  <message>
   <source>Judged: unsure.</source>
   <translation>Beurteilt: unsicher.</translation>
  </message>
 </context>
</TS>
